/* How many rows satisfy a conjunction of simple comparisons, and which row when it is one?

   Columns are float64, NaN for missing; a comparison is (column, operation, value). Each column comes with its sorted
   order (missing last), in which a comparison is a range: only the rows of the shortest range are looked at, and
   counting stops at `most`. */
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

/* The first position in order whose cell is not under `value`; with `above`, the first that is over it. */
static int64_t position(const double *cells, const int32_t *order, int64_t known, double value, int above) {
    int64_t from = 0, to = known;
    while (from < to) {
        int64_t middle = from + (to - from) / 2;
        double cell = cells[order[middle]];
        if (cell < value || (above && cell == value)) from = middle + 1;
        else to = middle;
    }
    return from;
}

typedef struct {
    int64_t first, last;
} Range;

static Range range_of(const double *cells, const int32_t *order, int64_t rows, int64_t known, int64_t operation,
                      double value) {
    Range range = {0, known};
    if (operation == MISSING) {
        range.first = known;
        range.last = rows;
        return range;
    }
    if (operation != AT_MOST) range.first = position(cells, order, known, value, 0);
    if (operation != AT_LEAST) range.last = position(cells, order, known, value, 1);
    return range;
}

/* cells, order: width x rows, column after column; known: how many cells of a column are not missing. columns,
   operations, values: predicates x size. counts[p] becomes the number of rows that satisfy predicate p, at most
   `most`; found[p] the last row counted, or -1. */
VERIDICAL_EXPORT int64_t veridical_neighbour_predicate(const double *cells, const int32_t *order, const int64_t *known,
                                                       int64_t rows, const int64_t *columns, const int64_t *operations,
                                                       const double *values, int64_t predicates, int64_t size,
                                                       int64_t most, int64_t *counts, int64_t *found) {
    for (int64_t p = 0; p < predicates; p++) {
        const int64_t *column = columns + p * size, *operation = operations + p * size;
        const double *value = values + p * size;
        Range shortest = {0, rows + 1};
        int64_t by = 0, count = 0, last = -1;
        for (int64_t c = 0; c < size; c++) {
            int64_t at = column[c];
            Range range = range_of(cells + at * rows, order + at * rows, rows, known[at], operation[c], value[c]);
            if (range.last - range.first < shortest.last - shortest.first) {
                shortest = range;
                by = c;
            }
        }
        const int32_t *candidates = order + column[by] * rows;
        for (int64_t i = shortest.first; i < shortest.last && count < most; i++) {
            int64_t row = candidates[i], c = 0;
            while (c < size && (c == by || holds(cells[column[c] * rows + row], operation[c], value[c]))) c++;
            if (c == size) {
                count++;
                last = row;
            }
        }
        counts[p] = count;
        found[p] = last;
    }
    return 0;
}
