/* What the tree kernels share: the layout of nodes and tiles, and their arithmetic. */
#ifndef VERIDICAL_KERNEL_TREE_H
#define VERIDICAL_KERNEL_TREE_H

#include "common.h"

/* A node is six int32: predictor, cut, left, right, start, end. A leaf has left = -1. For an ordered predictor
 * rows with code <= cut go left; for a nominal one `cut` is -1 - offset of a bit mask, a set bit goes left. */
enum { NODE_PREDICTOR, NODE_CUT, NODE_LEFT, NODE_RIGHT, NODE_START, NODE_END, NODE_WIDTH };

/* Codes are uint16; a list of columns is a list of their addresses. */
static inline const uint16_t *tree_column(const uint64_t *columns, int64_t index) {
    return (const uint16_t *)(uintptr_t)columns[index];
}

static inline int tree_goes_left(const int32_t *node, const uint32_t *masks, uint16_t code) {
    int32_t cut = node[NODE_CUT];
    if (cut >= 0) return code <= cut;
    return (masks[-1 - (int64_t)cut + (code >> 5)] >> (code & 31)) & 1u;
}

/* Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators": the output mix. */
static inline uint64_t tree_mix(uint64_t state) {
    state += 0x9E3779B97F4A7C15ull;
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9ull;
    state = (state ^ (state >> 27)) * 0x94D049BB133111EBull;
    return state ^ (state >> 31);
}

/* A number in [0, 1) that depends on (seed, counter) only: shards and threads cannot change it. */
static inline double tree_uniform(uint64_t seed, uint64_t counter) {
    return (double)(tree_mix(tree_mix(seed ^ 0xD1B54A32D192ED03ull) + counter * 0x9E3779B97F4A7C15ull) >> 11) * 0x1.0p-53;
}

/* Last index i in [low, high) with edges[i] <= value; edges[low] <= value is taken for granted. Without branches: a
 * value is as likely on either side. */
static inline int64_t tree_last_at_most(const double *edges, int64_t low, int64_t high, double value) {
    for (int64_t many = high - low; many > 1;) {
        int64_t half = many / 2;
        low += edges[low + half] <= value ? half : 0;
        many -= half;
    }
    return low;
}

/* Puts bins in the order of their scores. Shell sort: ties keep the lower code first through the comparison, so the
 * result is the same everywhere. */
static inline void tree_rank(int32_t *ranked, int64_t used, const double *scores) {
    for (int64_t gap = used / 2; gap > 0; gap /= 2)
        for (int64_t i = gap; i < used; i++) {
            int32_t moving = ranked[i];
            int64_t at = i;
            while (at >= gap) {
                int32_t other = ranked[at - gap];
                double a = scores[other], b = scores[moving];
                if (a < b || (a == b && other < moving)) break;
                ranked[at] = other;
                at -= gap;
            }
            ranked[at] = moving;
        }
}

static inline int64_t tree_tile_of(const int32_t *bounds, int64_t tiles, int32_t code) {
    int64_t low = 0, high = tiles;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (bounds[middle] <= code) low = middle; else high = middle;
    }
    return low;
}

#endif
