/* Where does a row stand on a score: the sum, over earlier columns, of a number per bin? */
#include "tree.h"

#include <math.h>

enum { BLOCK = 512, MOST_EDGES = 64 };

/* `codes[i]` is how many of the rising `edges` (at most 64) lie at or below the score of row `rows[i]` (or i, without
 * a list). Column p's numbers begin at `tables[starts[p]]`. Rows go in blocks, column after column, and edges are
 * searched without branches: a score is as likely on either side. Returns -1 when there are too many edges. */
VERIDICAL_EXPORT int64_t veridical_tree_lean(const uint64_t *columns, const int32_t *rows, int64_t count,
                                             int64_t predictors, const float *tables, const int64_t *starts,
                                             const float *edges, int64_t edge_count, uint16_t *codes) {
    if (edge_count > MOST_EDGES) return -1;
    float ladder[MOST_EDGES + 1];
    for (int64_t i = 0; i <= MOST_EDGES; i++) ladder[i] = i < edge_count ? edges[i] : INFINITY;
    for (int64_t first = 0; first < count; first += BLOCK) {
        int64_t many = count - first < BLOCK ? count - first : BLOCK;
        float score[BLOCK] = {0};
        for (int64_t p = 0; p < predictors; p++) {
            const uint16_t *column = tree_column(columns, p);
            const float *table = tables + starts[p];
            if (rows) for (int64_t i = 0; i < many; i++) score[i] += table[column[rows[first + i]]];
            else for (int64_t i = 0; i < many; i++) score[i] += table[column[first + i]];
        }
        for (int64_t i = 0; i < many; i++) {
            int32_t low = 0;
            for (int32_t half = MOST_EDGES / 2; half; half /= 2) low += ladder[low + half - 1] <= score[i] ? half : 0;
            codes[first + i] = (uint16_t)(low + (ladder[low] <= score[i]));
        }
    }
    return 0;
}
