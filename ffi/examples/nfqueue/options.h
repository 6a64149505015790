/* The command line. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum { MOST_QUEUES = 64 };

struct options {
    const char *image;
    uint16_t first_queue, queues; /* the number of queues */
    uint32_t mark;
    uint16_t metrics_port; /* 0: none */
    unsigned log_rate;
    bool fail_open;
};

/* Reads the command line; ends the program if it is wrong or asks for help. */
struct options options_read(int argc, char **argv);

#endif
