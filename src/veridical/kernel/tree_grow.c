/* Which splits of the earlier columns tell most about a target? Grows one tree on binned codes.
 *
 * Rows of a node always lie sorted by the target's code (splits partition stably), so each node can group its own
 * target values into classes of equal mass: resolution follows the node down. A split is judged by the fall of the
 * classes' entropy, in nats; beside each gain stands its price, what the best of as many useless splits would give. */
#include "tree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MIN_LEAF, MAX_NODES, MAX_DEPTH, MAX_CLASSES, ROWS_PER_CLASS, TARGET_ORDERED, MOST_ROWS, MASK_CAPACITY, TRIED, SEED };
enum { TABLE = 1 << 16, CLASS_LIMIT = 80 };

typedef struct {
    const uint64_t *columns;
    const int32_t *bins;
    const uint8_t *nominal;
    int64_t predictors;
    const uint16_t *target;
    int32_t *order;
    const int64_t *settings;
    double *table;    /* n log n */
    int64_t table_size;
    uint8_t *classes; /* per position in the node's sample */
    int32_t *sample;  /* row per position in the node's sample */
    int32_t *counts;  /* bins x classes */
    int32_t *totals;  /* per bin */
    double *scores;   /* per bin, for nominal predictors */
    int32_t *ranked;  /* bins in the order of their scores */
    int32_t *spare;   /* for partitioning */
    uint32_t *mask;   /* the best nominal split so far */
} Grower;

/* Bins put in order by what they gain, and cut in two, gain this much each by chance: half of a chi-squared of one
 * degree of freedom, of which two halves of a normal tell the share 2 / pi. */
#define ORDERED (1.0 / 3.14159265358979323846)

typedef struct {
    double gain, price, order; /* `order`: what bins would gain by being put in order, if the column told nothing */
    int64_t predictor;
    int32_t cut;
    int nominal;
} Split;

static double nlogn(const Grower *g, int64_t n) {
    if (n < g->table_size) return g->table[n];
    return (double)n * log((double)n);
}

/* Groups the sample's sorted target values into classes; returns how many. */
static int64_t ordered_classes(Grower *g, int64_t n, int64_t wanted) {
    int64_t share = (n + wanted - 1) / wanted, at = 0, class = -1, held = 0;
    int closed = 1;
    while (at < n) {
        uint16_t code = g->target[g->sample[at]];
        int64_t end = at + 1;
        while (end < n && g->target[g->sample[end]] == code) end++;
        int64_t run = end - at;
        int alone = code == 0 || run >= share;
        if (alone || closed || held >= share) {
            if (class + 1 < CLASS_LIMIT) class++;
            held = 0;
        }
        held += run;
        closed = alone;
        memset(g->classes + at, (int)class, (size_t)run);
        at = end;
    }
    return class + 1;
}

/* The commonest values get classes of their own, the others share one. */
static int64_t nominal_classes(Grower *g, int64_t n, int64_t wanted) {
    int32_t threshold = 0;
    int64_t distinct = 0, at = 0;
    int32_t top[CLASS_LIMIT];
    int64_t kept = 0;
    while (at < n) {
        int64_t end = at + 1;
        while (end < n && g->target[g->sample[end]] == g->target[g->sample[at]]) end++;
        int32_t run = (int32_t)(end - at);
        distinct++;
        int64_t place = kept;
        if (kept < wanted - 1) kept++;
        else if (kept && run > top[kept - 1]) place = kept - 1;
        else place = -1;
        for (; place > 0 && top[place - 1] < run; place--) top[place] = top[place - 1];
        if (place >= 0) top[place] = run;
        at = end;
    }
    threshold = distinct <= wanted ? 0 : (kept ? top[kept - 1] : 0);
    int64_t class = 0, left_at_threshold = 0, rest = wanted - 1;
    for (int64_t i = 0; i < kept; i++) left_at_threshold += top[i] == threshold;
    int rest_used = 0;
    at = 0;
    while (at < n) {
        int64_t end = at + 1;
        while (end < n && g->target[g->sample[end]] == g->target[g->sample[at]]) end++;
        int32_t run = (int32_t)(end - at);
        int own = run > threshold || (run == threshold && left_at_threshold-- > 0);
        if (!own) rest_used = 1;
        memset(g->classes + at, (int)(own ? class++ : rest), (size_t)run);
        at = end;
    }
    return rest_used ? wanted : class;
}

/* Scores of a nominal predictor's bins along the first axis of a correspondence analysis of bins by classes
 * (Coppersmith, Hong and Hosking 1999 order categories so before a binary split). */
static void score_bins(Grower *g, int64_t bins, int64_t classes, const int64_t *class_total, int64_t n) {
    double axis[CLASS_LIMIT], next[CLASS_LIMIT];
    for (int64_t k = 0; k < classes; k++) {
        double spread = 0.0, mean = (double)class_total[k] / (double)n;
        for (int64_t v = 0; v < bins; v++)
            if (g->totals[v]) {
                double away = (double)g->counts[v * classes + k] / g->totals[v] - mean;
                spread += g->totals[v] * away * away;
            }
        next[k] = mean > 0 ? spread / mean : 0.0;
    }
    int64_t widest = 0;
    for (int64_t k = 1; k < classes; k++) if (next[k] > next[widest]) widest = k;
    for (int64_t k = 0; k < classes; k++) axis[k] = k == widest ? 1.0 : 0.0;
    for (int round = 0; round < 4; round++) {
        for (int64_t k = 0; k < classes; k++) next[k] = 0.0;
        for (int64_t v = 0; v < bins; v++) {
            if (!g->totals[v]) continue;
            double score = 0.0;
            const int32_t *row = g->counts + v * classes;
            for (int64_t k = 0; k < classes; k++) {
                double mean = (double)class_total[k] / (double)n;
                score += axis[k] * ((double)row[k] / g->totals[v] - mean) / sqrt(mean + 1e-12);
            }
            g->scores[v] = score * g->totals[v] / (g->totals[v] + 2.0);
            for (int64_t k = 0; k < classes; k++) {
                double mean = (double)class_total[k] / (double)n;
                next[k] += score * (row[k] - g->totals[v] * mean) / sqrt(mean + 1e-12);
            }
        }
        double length = 0.0;
        for (int64_t k = 0; k < classes; k++) length += next[k] * next[k];
        if (length <= 0.0) return;
        for (int64_t k = 0; k < classes; k++) axis[k] = next[k] / sqrt(length);
    }
}

static int64_t rank_bins(Grower *g, int64_t bins) {
    int64_t used = 0;
    for (int64_t v = 0; v < bins; v++) {
        if (!g->totals[v]) continue;
        int64_t at = used++;
        g->ranked[at] = (int32_t)v;
    }
    tree_rank(g->ranked, used, g->scores);
    return used;
}

/* Tries every cut of one predictor; counts the cuts it tried. */
static int64_t try_predictor(Grower *g, int64_t predictor, int64_t n, int64_t classes, const int64_t *class_total,
                             int64_t least, Split *best) {
    const uint16_t *codes = tree_column(g->columns, predictor);
    int64_t bins = g->bins[predictor];
    memset(g->counts, 0, (size_t)(bins * classes) * sizeof(int32_t));
    memset(g->totals, 0, (size_t)bins * sizeof(int32_t));
    for (int64_t i = 0; i < n; i++) {
        uint16_t code = codes[g->sample[i]];
        g->counts[code * classes + g->classes[i]]++;
        g->totals[code]++;
    }
    int64_t used = 0;
    if (g->nominal[predictor]) {
        int64_t seen = 0;
        for (int64_t v = 0; v < bins; v++) seen += g->totals[v] > 0;
        if (seen < 2) return 0;
        if (seen > 2) score_bins(g, bins, classes, class_total, n);
        else for (int64_t v = 0; v < bins; v++) g->scores[v] = (double)v;
        used = rank_bins(g, bins);
    } else {
        for (int64_t v = 0; v < bins; v++) if (g->totals[v]) g->ranked[used++] = (int32_t)v;
        if (used < 2) return 0;
    }
    int64_t left[CLASS_LIMIT] = {0}, in_left = 0;
    double sum = 0.0, whole = -nlogn(g, n);
    for (int64_t k = 0; k < classes; k++) {
        double term = nlogn(g, class_total[k]);
        sum += term;
        whole += term;
    }
    int64_t best_at = -1;
    double order = g->nominal[predictor] ? (double)(used - 1) * ORDERED : 0.0;
    for (int64_t at = 0; at + 1 < used; at++) {
        const int32_t *row = g->counts + (int64_t)g->ranked[at] * classes;
        for (int64_t k = 0; k < classes; k++) {
            int32_t moved = row[k];
            if (!moved) continue;
            int64_t was = left[k], now = was + moved, total = class_total[k];
            sum += nlogn(g, now) - nlogn(g, was) + nlogn(g, total - now) - nlogn(g, total - was);
            left[k] = now;
        }
        in_left += g->totals[g->ranked[at]];
        if (in_left < least) continue;
        if (n - in_left < least) break;
        double gain = sum - nlogn(g, in_left) - nlogn(g, n - in_left) - whole;
        if (gain > 0.0 && (best->predictor < 0 || gain - order > best->gain - best->order)) {
            best->gain = gain;
            best->order = order;
            best->predictor = predictor;
            best_at = at;
        }
    }
    if (best_at >= 0) {
        best->nominal = g->nominal[predictor];
        best->cut = g->ranked[best_at];
        if (best->nominal) {
            memset(g->mask, 0, (size_t)((bins + 31) / 32) * sizeof(uint32_t));
            int64_t taken = 0;
            for (int64_t at = 0; at <= best_at; at++) {
                g->mask[g->ranked[at] >> 5] |= 1u << (g->ranked[at] & 31);
                taken += g->totals[g->ranked[at]];
            }
            /* Codes the node never saw follow the larger side. */
            if (2 * taken > n)
                for (int64_t v = 0; v < bins; v++)
                    if (!g->totals[v]) g->mask[v >> 5] |= 1u << (v & 31);
        }
    }
    return used - 1;
}

/* Whether a predictor is tried at a node: `TRIED` of them are, on average, by the node's own draw. */
static int is_tried(const Grower *g, int64_t node, int64_t predictor) {
    if (g->settings[TRIED] >= g->predictors) return 1;
    double u = tree_uniform((uint64_t)g->settings[SEED], (uint64_t)(node * g->predictors + predictor));
    return u * (double)g->predictors < (double)g->settings[TRIED];
}

static Split best_split(Grower *g, int64_t at, int64_t start, int64_t end) {
    const int64_t *settings = g->settings;
    int64_t rows = end - start;
    /* Sorted by target, every stride-th row is a stratified sample: large nodes need no more to find their split. */
    int64_t stride = (rows + settings[MOST_ROWS] - 1) / settings[MOST_ROWS];
    int64_t n = 0;
    for (int64_t i = start + stride / 2; i < end; i += stride) g->sample[n++] = g->order[i];
    int64_t wanted = n / settings[ROWS_PER_CLASS];
    if (wanted > settings[MAX_CLASSES]) wanted = settings[MAX_CLASSES];
    if (wanted < 2) wanted = 2;
    int64_t classes = settings[TARGET_ORDERED] ? ordered_classes(g, n, wanted) : nominal_classes(g, n, wanted);
    Split best = {.gain = 0.0, .price = 0.0, .order = 0.0, .predictor = -1, .cut = 0, .nominal = 0};
    if (classes < 2) return best;
    int64_t class_total[CLASS_LIMIT] = {0};
    for (int64_t i = 0; i < n; i++) class_total[g->classes[i]]++;
    int64_t least = settings[MIN_LEAF] / stride, tried = 0;
    if (least < 1) least = 1;
    for (int64_t p = 0; p < g->predictors; p++)
        if (is_tried(g, at, p)) tried += try_predictor(g, p, n, classes, class_total, least, &best);
    best.gain *= (double)stride;
    /* The best of so many chi-squared gains (Laurent and Massart 2000, lemma 1), beside what order alone gains. */
    double freedom = (double)(classes - 1), many = log((double)(tried + 1));
    best.price = 0.5 * freedom + sqrt(freedom * many) + many + best.order * (double)stride;
    return best;
}

static int64_t partition(Grower *g, int64_t start, int64_t end, const int32_t *node, const uint32_t *masks) {
    const uint16_t *codes = tree_column(g->columns, node[NODE_PREDICTOR]);
    int64_t left = start, right = 0;
    for (int64_t i = start; i < end; i++) {
        int32_t row = g->order[i];
        if (tree_goes_left(node, masks, codes[row])) g->order[left++] = row;
        else g->spare[right++] = row;
    }
    memcpy(g->order + left, g->spare, (size_t)right * sizeof(int32_t));
    return left;
}

static int64_t grow(Grower *g, int64_t rows, double stop, int32_t *nodes, double *worth, uint32_t *masks,
                    int64_t *mask_words) {
    const int64_t *settings = g->settings;
    int64_t count = 1;
    int32_t *depth = malloc((size_t)settings[MAX_NODES] * sizeof(int32_t));
    if (!depth) return -1;
    nodes[NODE_START] = 0;
    nodes[NODE_END] = (int32_t)rows;
    depth[0] = 0;
    for (int64_t at = 0; at < count; at++) {
        int32_t *node = nodes + at * NODE_WIDTH;
        int64_t start = node[NODE_START], end = node[NODE_END];
        node[NODE_PREDICTOR] = -1;
        node[NODE_CUT] = 0;
        node[NODE_LEFT] = node[NODE_RIGHT] = -1;
        worth[2 * at] = worth[2 * at + 1] = 0.0;
        if (end - start < 2 * settings[MIN_LEAF] || depth[at] >= settings[MAX_DEPTH]) continue;
        if (count + 2 > settings[MAX_NODES]) continue;
        Split split = best_split(g, at, start, end);
        if (split.predictor < 0 || split.gain < stop * split.price) continue;
        node[NODE_PREDICTOR] = (int32_t)split.predictor;
        node[NODE_CUT] = split.cut;
        if (split.nominal) {
            int64_t words = (g->bins[split.predictor] + 31) / 32;
            if (*mask_words + words > settings[MASK_CAPACITY]) { node[NODE_PREDICTOR] = -1; continue; }
            memcpy(masks + *mask_words, g->mask, (size_t)words * sizeof(uint32_t));
            node[NODE_CUT] = (int32_t)(-1 - *mask_words);
            *mask_words += words;
        }
        int64_t middle = partition(g, start, end, node, masks);
        if (middle == start || middle == end) { node[NODE_PREDICTOR] = -1; continue; }
        worth[2 * at] = split.gain;
        worth[2 * at + 1] = split.price;
        for (int side = 0; side < 2; side++) {
            int32_t *child = nodes + count * NODE_WIDTH;
            child[NODE_START] = (int32_t)(side ? middle : start);
            child[NODE_END] = (int32_t)(side ? end : middle);
            depth[count] = depth[at] + 1;
            node[side ? NODE_RIGHT : NODE_LEFT] = (int32_t)count++;
        }
    }
    free(depth);
    return count;
}

/* Returns the number of nodes, or -1 without memory. `order` holds the rows to learn from, sorted by target code,
 * and comes back with every node's rows in its range. `worth` gets gain and price per node. */
VERIDICAL_EXPORT int64_t veridical_tree_grow(const uint64_t *columns, const int32_t *bins, const uint8_t *nominal,
                                             int64_t predictors, const uint16_t *target, int32_t *order, int64_t rows,
                                             const int64_t *settings, double stop, int32_t *nodes, double *worth,
                                             uint32_t *masks, int64_t *mask_words) {
    int64_t widest = 1;
    for (int64_t p = 0; p < predictors; p++) if (bins[p] > widest) widest = bins[p];
    int64_t sample = rows < 2 * settings[MOST_ROWS] ? rows : 2 * settings[MOST_ROWS];
    Grower g = {.columns = columns, .bins = bins, .nominal = nominal, .predictors = predictors, .target = target,
                .order = order, .settings = settings};
    g.table_size = rows + 1 < TABLE ? rows + 1 : TABLE;
    g.table = malloc((size_t)g.table_size * sizeof(double));
    g.classes = malloc((size_t)sample + 1);
    g.sample = malloc(((size_t)sample + 1) * sizeof(int32_t));
    g.counts = malloc((size_t)(widest * CLASS_LIMIT) * sizeof(int32_t));
    g.totals = malloc((size_t)widest * sizeof(int32_t));
    g.scores = calloc((size_t)widest, sizeof(double));
    g.ranked = malloc((size_t)widest * sizeof(int32_t));
    g.spare = malloc(((size_t)rows + 1) * sizeof(int32_t));
    g.mask = malloc((size_t)((widest + 31) / 32) * sizeof(uint32_t));
    int64_t count = -1;
    if (g.table && g.classes && g.sample && g.counts && g.totals && g.scores && g.ranked && g.spare && g.mask) {
        g.table[0] = 0.0;
        for (int64_t n = 1; n < g.table_size; n++) g.table[n] = (double)n * log((double)n);
        *mask_words = 0;
        count = grow(&g, rows, stop, nodes, worth, masks, mask_words);
    }
    free(g.table); free(g.classes); free(g.sample); free(g.counts); free(g.totals);
    free(g.scores); free(g.ranked); free(g.spare); free(g.mask);
    return count;
}

/* Cuts what lies below a split whose gain, with all below, is not worth `price` times its price; `keep` gets 0 for
 * the nodes that fall. Children stand after their parents. */
VERIDICAL_EXPORT int64_t veridical_tree_prune(int32_t *nodes, const double *worth, int64_t count, double price,
                                              uint8_t *keep) {
    double *value = calloc((size_t)count, sizeof(double));
    if (!value) return -1;
    for (int64_t at = count - 1; at >= 0; at--) {
        int32_t *node = nodes + at * NODE_WIDTH;
        if (node[NODE_LEFT] < 0) continue;
        value[at] = worth[2 * at] - price * worth[2 * at + 1] + value[node[NODE_LEFT]] + value[node[NODE_RIGHT]];
        if (value[at] > 0) continue;
        value[at] = 0.0;
        node[NODE_LEFT] = node[NODE_RIGHT] = -1;
    }
    free(value);
    for (int64_t at = 1; at < count; at++) keep[at] = 0;
    for (int64_t at = 0; at < count; at++) {
        const int32_t *node = nodes + at * NODE_WIDTH;
        if (keep[at] && node[NODE_LEFT] >= 0) keep[node[NODE_LEFT]] = keep[node[NODE_RIGHT]] = 1;
    }
    return 0;
}
