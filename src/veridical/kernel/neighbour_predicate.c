/* How many rows satisfy a conjunction of simple comparisons, and which row when it is one?

   Columns are float64, NaN for missing; a comparison is (column, operation, value). Counting stops at `most`. */
#include "common.h"

#include <math.h>

enum { EQUAL = 0, AT_MOST = 1, AT_LEAST = 2, MISSING = 3 };

static inline int holds(double cell, int64_t operation, double value) {
    switch (operation) {
        case EQUAL: return cell == value;
        case AT_MOST: return cell <= value;
        case AT_LEAST: return cell >= value;
        default: return isnan(cell);
    }
}

/* cells: width x rows, column after column. columns, operations, values: predicates x size. counts[p] becomes the
   number of rows that satisfy predicate p, at most `most`; found[p] the last row counted, or -1. */
VERIDICAL_EXPORT int64_t veridical_neighbour_predicate(const double *cells, int64_t rows, const int64_t *columns,
                                                       const int64_t *operations, const double *values,
                                                       int64_t predicates, int64_t size, int64_t most, int64_t *counts,
                                                       int64_t *found) {
    for (int64_t p = 0; p < predicates; p++) {
        const int64_t *column = columns + p * size, *operation = operations + p * size;
        const double *value = values + p * size;
        int64_t count = 0, last = -1;
        for (int64_t i = 0; i < rows && count < most; i++) {
            int64_t c = 0;
            while (c < size && holds(cells[column[c] * rows + i], operation[c], value[c])) c++;
            if (c == size) {
                count++;
                last = i;
            }
        }
        counts[p] = count;
        found[p] = last;
    }
    return 0;
}
