/* Lines on standard error; those about denials no more than so many a second. */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>

/* How many denials are told a second; 0 tells none. At the beginning ten. */
void log_set_rate(unsigned per_second);

/* A line about the daemon. */
__attribute__((format(printf, 1, 2))) void log_line(const char *format, ...);

/* Whether one more denial may be told now. Those that may not are counted, and their number is
 * told with the next that may. */
bool log_may_tell_denial(void);

/* A line about a denial. */
void log_denial(const char *text);

#endif
