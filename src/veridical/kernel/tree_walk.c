/* Which leaf does a row fall in, which code is drawn there, and how likely was one that is known? */
#include "tree.h"

#include <math.h>

static const double LEAST = 1e-12; /* likelihood of what a leaf holds impossible */

/* A node as it is walked, 16 bytes: a row goes left when its code is at most `cut` and the mask has its bit (of 64, the
 * code's last six); `left` is the left child, the right one is the next; a leaf has -1. */
typedef struct { uint64_t mask; int32_t left; uint16_t predictor, cut; } Step;

enum { BLOCK = 512, AHEAD = 12, WIDE = 0xFFFE }; /* a cut of WIDE: the mask has more than 64 bits, and begins at word `mask` */

/* Without branches (the wide mask is rare), for where a row goes is as good as random. */
static inline int goes_right(const Step *step, const uint32_t *masks, uint16_t code) {
    if (__builtin_expect(step->cut == WIDE, 0)) return !((masks[step->mask + (code >> 5)] >> (code & 31)) & 1u);
    return !((code <= step->cut) & (int)(step->mask >> (code & 63)));
}

/* Takes a block of rows, the first of them `first`, from the nodes `at` down to leaves, level by level: the steps of one
 * row wait for memory, those of different rows do not wait for each other. */
static void descend(const uint64_t *columns, const int32_t *rows, int64_t first, int32_t many, const Step *steps,
                    const uint32_t *masks, int32_t *at) {
    uint16_t live[BLOCK];
    int32_t alive = many;
    for (int32_t i = 0; i < many; i++) live[i] = (uint16_t)i;
    while (alive) {
        int32_t kept = 0;
        for (int32_t j = 0; j < alive; j++) {
            int32_t i = live[j];
            const Step *step = steps + at[i];
            uint16_t code = tree_column(columns, step->predictor)[rows ? rows[first + i] : first + i];
            int32_t inner = step->left >= 0; /* a leaf has a predictor too, that decides nothing */
            int32_t next = inner ? step->left + goes_right(step, masks, code) : at[i];
            __builtin_prefetch(steps + next); /* read only when the whole block has gone this level down */
            at[i] = next;
            live[kept] = (uint16_t)i;
            kept += inner;
        }
        alive = kept;
    }
}

/* `leaves[i]` is the node that row `rows[i]` (or i, without a list) ends in: in the tree `tree` of the forest, or, when
 * that is negative, in one drawn for the row by `seed`. */
VERIDICAL_EXPORT int64_t veridical_tree_route(const uint64_t *columns, const int32_t *rows, int64_t count,
                                              const Step *steps, const uint32_t *masks, const int32_t *roots,
                                              int64_t trees, int64_t tree, int64_t seed, int32_t *leaves) {
    for (int64_t first = 0; first < count; first += BLOCK) {
        int32_t many = (int32_t)(count - first < BLOCK ? count - first : BLOCK);
        int32_t *at = leaves + first;
        for (int32_t i = 0; i < many; i++) {
            int64_t chosen = tree;
            if (tree < 0)
                chosen = trees == 1 ? 0 : (int64_t)(tree_uniform((uint64_t)seed, (uint64_t)(first + i)) * (double)trees);
            at[i] = roots[chosen];
        }
        descend(columns, rows, first, many, steps, masks, at);
    }
    return 0;
}

/* `sums[i]` is the sum of the values that row i's leaves have in all trees. */
VERIDICAL_EXPORT int64_t veridical_tree_sum(const uint64_t *columns, int64_t count, const Step *steps,
                                            const uint32_t *masks, const int32_t *roots, int64_t trees,
                                            const double *values, double *sums) {
    int32_t at[BLOCK];
    for (int64_t first = 0; first < count; first += BLOCK) {
        int32_t many = (int32_t)(count - first < BLOCK ? count - first : BLOCK);
        for (int32_t i = 0; i < many; i++) sums[first + i] = 0.0;
        for (int64_t tree = 0; tree < trees; tree++) {
            for (int32_t i = 0; i < many; i++) at[i] = roots[tree];
            descend(columns, NULL, first, many, steps, masks, at);
            for (int32_t i = 0; i < many; i++) sums[first + i] += values[at[i]];
        }
    }
    return 0;
}

/* Draws one code per row, at its level or at random: a tile by its mass, then a code inside by the whole table's shape.
 * The tiles of a block of rows are asked for before the first is searched. */
VERIDICAL_EXPORT int64_t veridical_tree_draw(const int32_t *leaves, int64_t count, const int64_t *offsets,
                                             const int64_t *tiles, const int32_t *bounds, const double *cumulative,
                                             const double *root, int64_t codes, int64_t seed, int64_t first,
                                             const double *levels, uint16_t *drawn) {
    for (int64_t i = 0; i < count; i++) {
        if (i + AHEAD < count) {
            int64_t coming = offsets[leaves[i + AHEAD]];
            __builtin_prefetch(cumulative + coming);
            __builtin_prefetch(bounds + coming);
        }
        int64_t offset = offsets[leaves[i]], many = tiles[leaves[i]];
        double u = levels ? levels[i] : tree_uniform((uint64_t)seed, (uint64_t)(first + i));
        const double *sums = cumulative + offset;
        int64_t tile = tree_last_at_most(sums, 0, many, u);
        int32_t low = bounds[offset + tile], high = bounds[offset + tile + 1];
        int64_t code = low;
        if (high - low > 1) {
            double mass = sums[tile + 1] - sums[tile];
            double part = mass > 0 ? (u - sums[tile]) / mass : 0.0;
            double level = root[low] + part * (root[high] - root[low]);
            code = tree_last_at_most(root, low, high, level);
            while (code > low && root[code + 1] <= root[code]) code--; /* a code of no mass at the far end */
        }
        drawn[i] = (uint16_t)(code < codes ? code : codes - 1);
    }
    return 0;
}

/* The same under limits: `limit` is the cumulative allowed share per code (codes + 1). `weight` gets the log of the
 * share of the leaf that the limits leave; a leaf they empty falls back on the whole table's shape. */
VERIDICAL_EXPORT int64_t veridical_tree_draw_limited(const int32_t *leaves, int64_t count, const int64_t *offsets,
                                                     const int64_t *tiles, const int32_t *bounds,
                                                     const double *cumulative, const double *root, const double *limit,
                                                     int64_t codes, int64_t seed, int64_t first, uint16_t *drawn,
                                                     double *weight) {
    for (int64_t i = 0; i < count; i++) {
        int64_t offset = offsets[leaves[i]], many = tiles[leaves[i]];
        double total = 0.0;
        for (int64_t t = 0; t < many; t++) {
            int32_t low = bounds[offset + t], high = bounds[offset + t + 1];
            double shape = root[high] - root[low];
            if (shape > 0)
                total += (cumulative[offset + t + 1] - cumulative[offset + t]) * (limit[high] - limit[low]) / shape;
        }
        double u = tree_uniform((uint64_t)seed, (uint64_t)(first + i));
        int32_t low = 0, high = (int32_t)codes;
        double part = u;
        if (total > 0.0) {
            double aim = u * total;
            for (int64_t t = 0; t < many; t++) {
                int32_t from = bounds[offset + t], to = bounds[offset + t + 1];
                double shape = root[to] - root[from], open = limit[to] - limit[from];
                if (shape <= 0 || open <= 0) continue;
                double mass = (cumulative[offset + t + 1] - cumulative[offset + t]) * open / shape;
                if (mass <= 0) continue;
                low = from;
                high = to;
                part = aim / mass;
                if (aim < mass) break;
                aim -= mass;
                part = 1.0;
            }
        }
        double level = limit[low] + part * (limit[high] - limit[low]);
        if (level >= limit[high]) level = limit[high] - (limit[high] - limit[low]) * 1e-9;
        int64_t code = tree_last_at_most(limit, low, high, level);
        while (code > low && limit[code + 1] <= limit[code]) code--;
        while (code + 1 < high && limit[code + 1] <= limit[code]) code++;
        drawn[i] = (uint16_t)code;
        weight[i] = log(total > LEAST ? total : LEAST);
    }
    return 0;
}

/* Adds to `likelihood[i]` the likelihood of known codes; `rows` lists where they stand, as for the route. */
VERIDICAL_EXPORT int64_t veridical_tree_score(const int32_t *leaves, const uint16_t *known, const int32_t *rows,
                                              int64_t count, const int64_t *offsets, const int64_t *tiles,
                                              const int32_t *bounds, const double *cumulative, const double *root,
                                              double *likelihood) {
    for (int64_t i = 0; i < count; i++) {
        int64_t offset = offsets[leaves[i]], many = tiles[leaves[i]];
        int32_t code = known[rows ? rows[i] : i];
        int64_t tile = tree_tile_of(bounds + offset, many, code);
        int32_t low = bounds[offset + tile], high = bounds[offset + tile + 1];
        double shape = root[high] - root[low];
        double mass = cumulative[offset + tile + 1] - cumulative[offset + tile];
        double share = shape > 0 ? mass * (root[code + 1] - root[code]) / shape : 0.0;
        likelihood[i] += share > LEAST ? share : LEAST;
    }
    return 0;
}
