/* What the test programs share: checks that say where they fail. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <netpolicy.h>

/* Fails unless the condition holds. */
#define CHECK(condition)                                                                      \
    do {                                                                                      \
        if (!(condition)) {                                                                   \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);           \
            exit(1);                                                                          \
        }                                                                                     \
    } while (0)

/* Fails unless the call succeeds. */
#define OK(call) check_result(__FILE__, __LINE__, #call, (call), NETPOLICY_RESULT_OK)

/* Fails unless the call ends with this code. */
#define FAILS(call, code) check_result(__FILE__, __LINE__, #call, (call), (code))

static inline void check_result(const char *file, int line, const char *call,
                                netpolicy_result found, netpolicy_result expected) {
    if (found != expected) {
        char message[1024];
        netpolicy_last_error_message(message, sizeof message);
        fprintf(stderr, "%s:%d: %s: %s instead of %s: %s\n", file, line, call,
                netpolicy_result_name(found), netpolicy_result_name(expected), message);
        exit(1);
    }
}

/* Fails unless the last error of this thread has this message. */
#define MESSAGE(expected)                                                                     \
    do {                                                                                      \
        char message[1024];                                                                   \
        netpolicy_last_error_message(message, sizeof message);                                \
        if (strcmp(message, (expected)) != 0) {                                               \
            fprintf(stderr, "%s:%d: message: %s\n", __FILE__, __LINE__, message);             \
            exit(1);                                                                          \
        }                                                                                     \
    } while (0)

/* Text from a string literal. */
#define STR(literal) ((netpolicy_str){(literal), sizeof(literal) - 1})

static inline int equals(netpolicy_str text, const char *expected) {
    return text.len == strlen(expected) && memcmp(text.data, expected, text.len) == 0;
}

static inline netpolicy_address address(const char *text) {
    netpolicy_address parsed;
    OK(netpolicy_address_parse(netpolicy_str_of(text), &parsed));
    return parsed;
}

#endif
