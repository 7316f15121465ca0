/* Where does a row stand on a score: the sum, over earlier columns, of a number per bin? */
#include "tree.h"

enum { BLOCK = 256, LANES = 4, MOST_EDGES = 64 };

/* Several scores at once, one a lane: `codes[lane * count + i]` is how many of that lane's rising `edges` (MOST_EDGES
 * of them, filled up with infinity) lie at or below its score of row `rows[i]` (or i, without a list). Column p's
 * numbers, LANES a bin, begin at bin `starts[p]` of `tables`. Rows go in blocks, column after column, and edges are
 * searched without branches: a score is as likely on either side. Returns -1 when there are too many lanes. */
VERIDICAL_EXPORT int64_t veridical_tree_lean(const uint64_t *columns, const int32_t *rows, int64_t count,
                                             int64_t predictors, const float *tables, const int64_t *starts,
                                             const float *edges, int64_t lanes, uint16_t *codes) {
    if (lanes > LANES) return -1;
    float score[BLOCK][LANES];
    for (int64_t first = 0; first < count; first += BLOCK) {
        int64_t many = count - first < BLOCK ? count - first : BLOCK;
        for (int64_t i = 0; i < many; i++)
            for (int lane = 0; lane < LANES; lane++) score[i][lane] = 0;
        for (int64_t p = 0; p < predictors; p++) {
            const uint16_t *column = tree_column(columns, p);
            const float *table = tables + starts[p] * LANES;
            for (int64_t i = 0; i < many; i++) {
                const float *number = table + (int64_t)column[rows ? rows[first + i] : first + i] * LANES;
                for (int lane = 0; lane < LANES; lane++) score[i][lane] += number[lane];
            }
        }
        for (int64_t lane = 0; lane < lanes; lane++) {
            const float *ladder = edges + lane * MOST_EDGES;
            for (int64_t i = 0; i < many; i++) {
                int32_t low = 0;
                for (int32_t half = MOST_EDGES / 2; half; half /= 2)
                    low += ladder[low + half - 1] <= score[i][lane] ? half : 0;
                codes[lane * count + first + i] = (uint16_t)(low + (ladder[low] <= score[i][lane]));
            }
        }
    }
    return 0;
}
