#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char HELP[] =
    "usage: netpolicy-nfqueue --image FILE [options]\n"
    "\n"
    "Judges the packets of netfilter queues by the network policies of an image, which\n"
    "`netpolicy compile` makes. SIGHUP loads the image anew, SIGTERM and SIGINT end the daemon.\n"
    "\n"
    "  --image FILE         the image\n"
    "  --queues FIRST[:LAST]  the queues, each with a thread of its own [0]\n"
    "  --mark NUMBER        the bits that accepted packets are marked with; 0 for none [1]\n"
    "  --metrics PORT       counters as Prometheus text, on this port of 127.0.0.1\n"
    "  --log-rate NUMBER    how many denials are told a second [10]\n"
    "  --fail-open          let packets pass when a queue is full; they are dropped if not\n";

static _Noreturn void refuse(const char *option, const char *value) {
    fprintf(stderr, "netpolicy-nfqueue: --%s %s: see --help\n", option, value);
    exit(2);
}

static unsigned long number(const char *option, const char *value, char **end,
                            unsigned long most) {
    unsigned long found = strtoul(value, end, 0);
    if (*end == value || *value == '-' || found > most)
        refuse(option, value);
    return found;
}

static unsigned long whole_number(const char *option, const char *value, unsigned long most) {
    char *end;
    unsigned long found = number(option, value, &end, most);
    if (*end != '\0')
        refuse(option, value);
    return found;
}

static void read_queues(struct options *options, const char *value) {
    char *end;
    unsigned long first = number("queues", value, &end, UINT16_MAX), last = first;
    if (*end == ':')
        last = whole_number("queues", end + 1, UINT16_MAX);
    else if (*end != '\0')
        refuse("queues", value);
    if (last < first || last - first >= MOST_QUEUES)
        refuse("queues", value);
    options->first_queue = (uint16_t)first;
    options->queues = (uint16_t)(last - first + 1);
}

struct options options_read(int argc, char **argv) {
    static const struct option known[] = {
        {"image", required_argument, NULL, 'i'},   {"queues", required_argument, NULL, 'q'},
        {"mark", required_argument, NULL, 'm'},    {"metrics", required_argument, NULL, 'p'},
        {"log-rate", required_argument, NULL, 'l'}, {"fail-open", no_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0},
    };
    struct options options = {.queues = 1, .mark = 1, .log_rate = 10};
    int option;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 'i':
            options.image = optarg;
            break;
        case 'q':
            read_queues(&options, optarg);
            break;
        case 'm':
            options.mark = (uint32_t)whole_number("mark", optarg, UINT32_MAX);
            break;
        case 'p':
            options.metrics_port = (uint16_t)whole_number("metrics", optarg, UINT16_MAX);
            break;
        case 'l':
            options.log_rate = (unsigned)whole_number("log-rate", optarg, 1000000);
            break;
        case 'o':
            options.fail_open = true;
            break;
        case 'h':
            fputs(HELP, stdout);
            exit(0);
        default:
            exit(2);
        }
    }
    if (options.image == NULL || optind != argc) {
        fputs(HELP, stderr);
        exit(2);
    }
    return options;
}
