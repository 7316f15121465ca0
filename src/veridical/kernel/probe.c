/* Does the compiled library answer? Used by the installation's own check. */
#include "common.h"

VERIDICAL_EXPORT int64_t veridical_probe(int64_t value) { return value + 1; }
