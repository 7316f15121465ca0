/* At which level does each row draw, so that rows alike do not all draw alike? A low-discrepancy sequence runs through
 * the rows, sorted by where they stand: any rows side by side then get levels spread evenly over [0, 1), and what is
 * drawn among them comes about as often as it should (a Kronecker sequence on the golden ratio: Niederreiter 1992). */
#include "tree.h"

#include <stdlib.h>
#include <string.h>

#define GOLDEN 0.61803398874989484820 /* its fraction */

enum { FINE = 3, STEP_BITS = 6, MOST_SCORES = 3 }; /* bits of each score that rows are sorted by; bits it has */

static int sort_by(const int32_t *key, int64_t keys, int64_t count, int32_t *order, int32_t *spare) {
    int32_t *starts = calloc((size_t)keys + 1, sizeof(int32_t));
    if (!starts) return -1;
    for (int64_t i = 0; i < count; i++) starts[key[i] + 1]++;
    for (int64_t k = 0; k < keys; k++) starts[k + 1] += starts[k];
    for (int64_t i = 0; i < count; i++) spare[starts[key[order[i]]]++] = order[i];
    memcpy(order, spare, (size_t)count * sizeof(int32_t));
    free(starts);
    return 0;
}

/* The scores' first bits in turn: rows near each other on all scores get keys near each other (Morton 1966). */
static void interleave(const uint64_t *scores, int64_t many, int64_t count, int32_t *key) {
    int32_t apart[1 << STEP_BITS]; /* a score's first bits, as far from each other as the scores are many */
    for (int32_t step = 0; step < 1 << STEP_BITS; step++) {
        apart[step] = 0;
        for (int bit = 0; bit < FINE; bit++)
            apart[step] |= ((step >> (STEP_BITS - FINE + bit)) & 1) << (bit * (int)many);
    }
    memset(key, 0, (size_t)count * sizeof(int32_t));
    for (int64_t s = 0; s < many; s++) {
        const uint16_t *codes = tree_column(scores, s);
        for (int64_t i = 0; i < count; i++) key[i] |= apart[codes[i] & ((1 << STEP_BITS) - 1)] << (many - 1 - s);
    }
}

/* `order` lists the rows at random, and is sorted: by `rank` of the leaf reached, in it by up to three scores of 64
 * steps. `levels` gets a number in [0, 1) per row. */
VERIDICAL_EXPORT int64_t veridical_tree_spread(const int32_t *leaves, const int32_t *rank, int64_t ranks,
                                               const uint64_t *scores, int64_t many, int64_t count, double shift,
                                               int32_t *order, double *levels) {
    int32_t *key = malloc((size_t)count * sizeof(int32_t) + 1), *spare = malloc((size_t)count * sizeof(int32_t) + 1);
    int64_t failed = !key || !spare;
    if (many > MOST_SCORES) many = MOST_SCORES;
    if (!failed && many) {
        interleave(scores, many, count, key);
        failed = sort_by(key, 1 << (FINE * many), count, order, spare);
    }
    if (!failed && ranks > 1) {
        for (int64_t i = 0; i < count; i++) key[i] = rank[leaves[i]];
        failed = sort_by(key, ranks, count, order, spare);
    }
    for (int64_t i = 0; !failed && i < count; i++) {
        double level = shift + (double)i * GOLDEN;
        levels[order[i]] = level - (double)(int64_t)level;
    }
    free(key);
    free(spare);
    return failed ? -2 : 0;
}
