/* tap.c - see tap.h. */
#include "nn/tap.h"

#ifdef __SANITIZE_ADDRESS__
struct tap tap;
#endif
