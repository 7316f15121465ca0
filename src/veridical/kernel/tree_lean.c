/* Where does a row stand on a score: the sum, over earlier columns, of a number per bin? */
#include "tree.h"

enum { BLOCK = 256, LANES = 4, MOST_EDGES = 64 };

typedef float Lanes __attribute__((vector_size(16), aligned(4))); /* LANES numbers, added at once */

/* How many of the rising edges lie at or below a score: all are compared, for a search would stop at each answer. */
static inline uint16_t step_of(const float *edges, float score) {
    uint32_t below = 0;
    for (int edge = 0; edge < MOST_EDGES; edge++) below += edges[edge] <= score;
    return (uint16_t)below;
}

/* Several scores at once, one a lane: `codes[lane * count + i]` is how many of that lane's rising `edges` (MOST_EDGES
 * of them, filled up with infinity) lie at or below its score of row `rows[i]` (or i, without a list). Column p's
 * numbers, LANES a bin, begin at bin `starts[p]` of `tables`. Rows go in blocks, column after column. Returns -1 when
 * there are too many lanes. */
VERIDICAL_EXPORT int64_t veridical_tree_lean(const uint64_t *columns, const int32_t *rows, int64_t count,
                                             int64_t predictors, const float *tables, const int64_t *starts,
                                             const float *edges, int64_t lanes, uint16_t *codes) {
    if (lanes > LANES) return -1;
    Lanes score[BLOCK];
    for (int64_t first = 0; first < count; first += BLOCK) {
        int64_t many = count - first < BLOCK ? count - first : BLOCK;
        for (int64_t i = 0; i < many; i++) score[i] = (Lanes){0};
        for (int64_t p = 0; p < predictors; p++) {
            const uint16_t *column = tree_column(columns, p);
            const float *table = tables + starts[p] * LANES;
            for (int64_t i = 0; i < many; i++)
                score[i] += *(const Lanes *)(table + (int64_t)column[rows ? rows[first + i] : first + i] * LANES);
        }
        for (int64_t lane = 0; lane < lanes; lane++)
            for (int64_t i = 0; i < many; i++)
                codes[lane * count + first + i] = step_of(edges + lane * MOST_EDGES, score[i][lane]);
    }
    return 0;
}
