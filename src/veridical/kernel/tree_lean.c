/* Where does a row stand on a score: the sum, over earlier columns, of a number per bin? */
#include "tree.h"

/* `codes[i]` is how many of the rising `edges` lie at or below the score of row `rows[i]` (or i, without a list).
 * Column p's numbers begin at `tables[starts[p]]`. */
VERIDICAL_EXPORT int64_t veridical_tree_lean(const uint64_t *columns, const int32_t *rows, int64_t count,
                                             int64_t predictors, const float *tables, const int64_t *starts,
                                             const float *edges, int64_t edge_count, uint16_t *codes) {
    for (int64_t i = 0; i < count; i++) {
        int64_t row = rows ? rows[i] : i;
        float score = 0.0f;
        for (int64_t p = 0; p < predictors; p++) score += tables[starts[p] + tree_column(columns, p)[row]];
        int64_t low = 0, high = edge_count;
        while (low < high) {
            int64_t middle = low + (high - low) / 2;
            if (edges[middle] <= score) low = middle + 1; else high = middle;
        }
        codes[i] = (uint16_t)low;
    }
    return 0;
}
