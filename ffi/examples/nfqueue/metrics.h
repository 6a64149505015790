/* The counters over HTTP, for Prometheus to fetch. */
#ifndef METRICS_H
#define METRICS_H

#include <stdint.h>
#include <stdio.h>

/* Listens on this port of the loopback address. -1, with `errno` set, if that cannot be done. */
int metrics_listen(uint16_t port);

/* Answers every request with what `write` writes, until `stop` can be read. */
void metrics_serve(int listener, void (*write)(void *context, FILE *out), void *context, int stop);

#endif
