/* Which rows are real and which were drawn? Gradient-boosted trees on binned codes (Friedman 2001, with Newton steps as
 * Chen and Guestrin 2016): each tree is grown best leaf first, and each split is judged by the fall of the logistic loss
 * to second order. Rows kept back tell after which tree to stop. */
#include "tree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MIN_LEAF, MOST_LEAVES, MOST_TREES, PATIENCE, MOST_NODES, MASK_CAPACITY };
#define NOMINAL_RIDGE 10.0 /* records: what nominal bins are held back by when they are put in order */

typedef struct { double slope, bend; int64_t rows; } Sum; /* first and second derivatives of the loss */

typedef struct {
    int64_t node, start, end, predictor, cut;
    double gain;
    Sum sum;
    Sum *bins; /* of all predictors, one after the other */
    uint32_t *mask;
} Leaf;

typedef struct {
    const uint64_t *columns;
    const int32_t *bins;
    const uint8_t *nominal;
    int64_t predictors, all_bins, mask_words;
    const int64_t *settings;
    double ridge;
    int32_t *order, *spare, *ranked;
    double *slope, *bend, *score; /* per row */
    uint16_t *codes;              /* of a row side by side: updates of different predictors do not wait for each other */
    int64_t *starts;              /* of each predictor's bins */
    double *keys;
} Booster;

static double worth(Sum sum, double ridge) { return sum.slope * sum.slope / (sum.bend + ridge); }

static Sum minus(Sum a, Sum b) { return (Sum){a.slope - b.slope, a.bend - b.bend, a.rows - b.rows}; }

static void gather(const Booster *b, Leaf *leaf) {
    Sum *bins = leaf->bins;
    memset(bins, 0, (size_t)b->all_bins * sizeof(Sum));
    for (int64_t i = leaf->start; i < leaf->end; i++) {
        int32_t row = b->order[i];
        double slope = b->slope[row], bend = b->bend[row];
        const uint16_t *codes = b->codes + (int64_t)row * b->predictors;
        for (int64_t p = 0; p < b->predictors; p++) {
            Sum *bin = bins + b->starts[p] + codes[p];
            bin->slope += slope;
            bin->bend += bend;
            bin->rows++;
        }
    }
    leaf->sum = (Sum){0.0, 0.0, 0};
    for (int64_t v = 0; v < b->bins[0]; v++)
        leaf->sum = (Sum){leaf->sum.slope + bins[v].slope, leaf->sum.bend + bins[v].bend, leaf->sum.rows + bins[v].rows};
}

/* Puts the bins that hold rows in the order they are cut in; returns how many. */
static int64_t rank(Booster *b, const Sum *bins, int64_t many, int nominal) {
    int64_t used = 0;
    for (int64_t v = 0; v < many; v++) if (bins[v].rows) b->ranked[used++] = (int32_t)v;
    if (!nominal) return used;
    for (int64_t v = 0; v < many; v++) b->keys[v] = bins[v].slope / (bins[v].bend + NOMINAL_RIDGE);
    tree_rank(b->ranked, used, b->keys);
    return used;
}

static void find_split(Booster *b, Leaf *leaf) {
    int64_t least = b->settings[MIN_LEAF];
    leaf->predictor = -1;
    leaf->gain = 0.0;
    const Sum *bins = leaf->bins;
    for (int64_t p = 0; p < b->predictors; bins += b->bins[p++]) {
        int nominal = b->nominal[p];
        double ridge = b->ridge + (nominal ? NOMINAL_RIDGE : 0.0), whole = worth(leaf->sum, ridge);
        int64_t used = rank(b, bins, b->bins[p], nominal), best = -1;
        Sum left = {0.0, 0.0, 0};
        for (int64_t at = 0; at + 1 < used; at++) {
            const Sum *bin = bins + b->ranked[at];
            left = (Sum){left.slope + bin->slope, left.bend + bin->bend, left.rows + bin->rows};
            if (left.rows < least) continue;
            if (leaf->sum.rows - left.rows < least) break;
            double gain = worth(left, ridge) + worth(minus(leaf->sum, left), ridge) - whole;
            if (gain <= leaf->gain) continue;
            leaf->gain = gain;
            best = at;
        }
        if (best < 0) continue;
        leaf->predictor = p;
        leaf->cut = nominal ? -1 : b->ranked[best];
        if (!nominal) continue;
        memset(leaf->mask, 0, (size_t)b->mask_words * sizeof(uint32_t));
        for (int64_t at = 0; at <= best; at++) leaf->mask[b->ranked[at] >> 5] |= 1u << (b->ranked[at] & 31);
    }
}

static int64_t partition(Booster *b, const Leaf *leaf, const int32_t *node, const uint32_t *masks) {
    const uint16_t *codes = tree_column(b->columns, leaf->predictor);
    int64_t left = leaf->start, right = 0;
    for (int64_t i = leaf->start; i < leaf->end; i++) {
        int32_t row = b->order[i];
        if (tree_goes_left(node, masks, codes[row])) b->order[left++] = row;
        else b->spare[right++] = row;
    }
    memcpy(b->order + left, b->spare, (size_t)right * sizeof(int32_t));
    return left;
}

static void set_node(int32_t *node) {
    memset(node, 0, NODE_WIDTH * sizeof(int32_t));
    node[NODE_LEFT] = node[NODE_RIGHT] = -1;
}

/* Splits one leaf into itself and the one after the last; returns 0 when there is no room for its mask. */
static int split(Booster *b, Leaf *leaf, Leaf *new, int32_t *nodes, int64_t *count, uint32_t *masks, int64_t *words) {
    int32_t *node = nodes + leaf->node * NODE_WIDTH;
    int64_t wide = leaf->cut < 0 ? (b->bins[leaf->predictor] + 31) / 32 : 0;
    if (*words + wide > b->settings[MASK_CAPACITY]) return 0;
    if (wide) memcpy(masks + *words, leaf->mask, (size_t)wide * sizeof(uint32_t));
    node[NODE_PREDICTOR] = (int32_t)leaf->predictor;
    node[NODE_CUT] = wide ? (int32_t)(-1 - *words) : (int32_t)leaf->cut;
    node[NODE_LEFT] = (int32_t)*count;
    node[NODE_RIGHT] = (int32_t)*count + 1;
    *words += wide;
    set_node(nodes + *count * NODE_WIDTH);
    set_node(nodes + (*count + 1) * NODE_WIDTH);
    int64_t middle = partition(b, leaf, node, masks);
    new->node = *count + 1;
    new->start = middle;
    new->end = leaf->end;
    leaf->node = *count;
    leaf->end = middle;
    *count += 2;
    /* The smaller side is counted, the larger one is what is left. */
    Leaf *small = new->end - new->start < leaf->end - leaf->start ? new : leaf;
    Sum *whole = leaf->bins, *other = new->bins, total = leaf->sum;
    small->bins = other;
    gather(b, small);
    for (int64_t v = 0; v < b->all_bins; v++) whole[v] = minus(whole[v], other[v]);
    (small == new ? leaf : new)->bins = whole;
    (small == new ? leaf : new)->sum = minus(total, small->sum);
    find_split(b, leaf);
    find_split(b, new);
    return 1;
}

/* Grows one tree; returns its leaves, of which `leaves` tells the rows. */
static int64_t grow(Booster *b, int64_t rows, Leaf *leaves, int32_t *nodes, int64_t *count, uint32_t *masks, int64_t *words) {
    int64_t held = 1;
    leaves[0].node = (*count)++;
    leaves[0].start = 0;
    leaves[0].end = rows;
    set_node(nodes + leaves[0].node * NODE_WIDTH);
    gather(b, leaves);
    find_split(b, leaves);
    while (held < b->settings[MOST_LEAVES] && *count + 2 <= b->settings[MOST_NODES]) {
        int64_t best = 0;
        for (int64_t i = 1; i < held; i++) if (leaves[i].gain > leaves[best].gain) best = i;
        if (leaves[best].predictor < 0 || leaves[best].gain <= 0.0) break;
        if (!split(b, leaves + best, leaves + held, nodes, count, masks, words)) break;
        held++;
    }
    return held;
}

static double loss(double score, int real) {
    double away = real ? -score : score;
    return away > 30.0 ? away : log1p(exp(away));
}

static int64_t walk(const Booster *b, const int32_t *nodes, const uint32_t *masks, int64_t at, int32_t row) {
    while (nodes[at * NODE_WIDTH + NODE_LEFT] >= 0) {
        const int32_t *node = nodes + at * NODE_WIDTH;
        uint16_t code = b->codes[(int64_t)row * b->predictors + node[NODE_PREDICTOR]];
        at = node[NODE_LEFT] + !tree_goes_left(node, masks, code);
    }
    return at;
}

static int64_t boost(Booster *b, const uint8_t *real, const int32_t *rows, int64_t count, const int32_t *held,
                     int64_t held_count, double rate, Leaf *leaves, int32_t *nodes, double *values, uint32_t *masks,
                     int64_t *used, int32_t *roots, double *losses) {
    int64_t nodes_used = 0, words = 0, best = 0, trees = 0;
    const int64_t *settings = b->settings;
    for (; trees < settings[MOST_TREES] && trees - best < settings[PATIENCE]; trees++) {
        if (nodes_used + 2 * settings[MOST_LEAVES] > settings[MOST_NODES]) break;
        for (int64_t i = 0; i < count; i++) {
            int32_t row = rows[i];
            double share = 1.0 / (1.0 + exp(-b->score[row]));
            b->order[i] = row;
            b->slope[row] = share - real[row];
            b->bend[row] = share * (1.0 - share);
        }
        roots[trees] = (int32_t)nodes_used;
        int64_t many = grow(b, count, leaves, nodes, &nodes_used, masks, &words);
        for (int64_t k = 0; k < many; k++) {
            double value = -rate * leaves[k].sum.slope / (leaves[k].sum.bend + b->ridge);
            values[leaves[k].node] = value;
            for (int64_t i = leaves[k].start; i < leaves[k].end; i++) b->score[b->order[i]] += value;
        }
        double total = 0.0;
        for (int64_t i = 0; i < held_count; i++) {
            int32_t row = held[i];
            b->score[row] += values[walk(b, nodes, masks, roots[trees], row)];
            total += loss(b->score[row], real[row]);
        }
        losses[trees + 1] = total;
        if (total < losses[best]) best = trees + 1;
    }
    used[0] = nodes_used;
    used[1] = words;
    return best;
}

/* `real` tells of each row whether it is; `score` begins as the log-odds of all. `losses` (trees + 1) gets that of the
 * rows kept back before and after each tree, `used` the nodes and mask words. Returns after which tree it is least, or
 * -2 without memory. */
VERIDICAL_EXPORT int64_t veridical_tree_boost(const uint64_t *columns, const int32_t *bins, const uint8_t *nominal,
                                              int64_t predictors, const uint8_t *real, const int32_t *rows,
                                              int64_t count, const int32_t *held, int64_t held_count, int64_t all,
                                              const int64_t *settings, double rate, double ridge, double *score,
                                              int32_t *nodes, double *values, uint32_t *masks, int32_t *roots,
                                              double *losses, int64_t *used) {
    Booster b = {.columns = columns, .bins = bins, .nominal = nominal, .predictors = predictors, .settings = settings,
                 .ridge = ridge, .score = score};
    int64_t widest = 1, most = settings[MOST_LEAVES], result = -2;
    for (int64_t p = 0; p < predictors; p++) {
        b.all_bins += bins[p];
        if (bins[p] > widest) widest = bins[p];
    }
    b.mask_words = (widest + 31) / 32;
    b.order = malloc((size_t)count * sizeof(int32_t));
    b.spare = malloc((size_t)count * sizeof(int32_t));
    b.ranked = malloc((size_t)widest * sizeof(int32_t));
    b.keys = malloc((size_t)widest * sizeof(double));
    b.slope = malloc((size_t)all * sizeof(double));
    b.bend = malloc((size_t)all * sizeof(double));
    b.codes = malloc((size_t)(all * predictors) * sizeof(uint16_t));
    b.starts = malloc((size_t)predictors * sizeof(int64_t));
    Leaf *leaves = calloc((size_t)most, sizeof(Leaf));
    Sum *pool = malloc((size_t)(most * b.all_bins) * sizeof(Sum));
    uint32_t *drawn = malloc((size_t)(most * b.mask_words) * sizeof(uint32_t));
    if (b.order && b.spare && b.ranked && b.keys && b.slope && b.bend && b.codes && b.starts && leaves && pool && drawn) {
        for (int64_t k = 0; k < most; k++) {
            leaves[k].bins = pool + k * b.all_bins;
            leaves[k].mask = drawn + k * b.mask_words;
        }
        int64_t start = 0;
        for (int64_t p = 0; p < predictors; start += bins[p++]) {
            const uint16_t *codes = tree_column(columns, p);
            b.starts[p] = start;
            for (int64_t i = 0; i < all; i++) b.codes[i * predictors + p] = codes[i];
        }
        losses[0] = 0.0;
        for (int64_t i = 0; i < held_count; i++) losses[0] += loss(score[held[i]], real[held[i]]);
        result = boost(&b, real, rows, count, held, held_count, rate, leaves, nodes, values, masks, used, roots, losses);
    }
    free(b.order); free(b.spare); free(b.ranked); free(b.keys); free(b.slope); free(b.bend);
    free(b.codes); free(b.starts);
    free(leaves); free(pool); free(drawn);
    return result;
}
