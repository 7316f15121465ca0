/* Which earlier columns say most about a target? Mutual information on few levels, over a sample of rows. */
#include "tree.h"

#include <math.h>
#include <string.h>

enum { LEVELS = 16 };

/* `levels` holds `columns` rows of `rows` bytes below 16; `information[i]` is what column `places[i]` shares with
 * column `target`, in nats times rows. */
VERIDICAL_EXPORT int64_t veridical_tree_screen(const uint8_t *levels, int64_t rows, const int64_t *places,
                                               int64_t count, int64_t target, double *information) {
    const uint8_t *mine = levels + target * rows;
    for (int64_t i = 0; i < count; i++) {
        const uint8_t *theirs = levels + places[i] * rows;
        int32_t joint[LEVELS * LEVELS], left[LEVELS] = {0}, right[LEVELS] = {0};
        memset(joint, 0, sizeof joint);
        for (int64_t row = 0; row < rows; row++) joint[mine[row] * LEVELS + theirs[row]]++;
        double sum = rows > 0 ? (double)rows * log((double)rows) : 0.0;
        for (int at = 0; at < LEVELS * LEVELS; at++) {
            if (!joint[at]) continue;
            sum += joint[at] * log((double)joint[at]);
            left[at / LEVELS] += joint[at];
            right[at % LEVELS] += joint[at];
        }
        for (int at = 0; at < LEVELS; at++) {
            if (left[at]) sum -= left[at] * log((double)left[at]);
            if (right[at]) sum -= right[at] * log((double)right[at]);
        }
        information[i] = sum;
    }
    return 0;
}
