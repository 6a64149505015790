/* Makes the first packet of a connection. */
#ifndef PACKET_H
#define PACKET_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <netpolicy.h>

static inline int is_v4(const netpolicy_address *address) {
    static const uint8_t prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return memcmp(address->bytes, prefix, sizeof prefix) == 0;
}

/* The header length of a transport protocol. */
static inline size_t transport_len(uint8_t protocol) {
    switch (protocol) {
    case 6:
        return 20;
    case 17:
        return 8;
    case 132:
        return 12;
    default:
        return 0;
    }
}

/* A packet of exactly `*len` bytes in memory of its own, so that a checker of memory sees a
 * read behind its end. Both addresses must be of one family. Free it. */
static inline uint8_t *first_packet(const netpolicy_connection *connection, size_t *len) {
    size_t transport = transport_len(connection->protocol);
    size_t header = is_v4(&connection->source) ? 20 : 40;
    *len = header + transport;
    uint8_t *packet = calloc(1, *len);
    if (header == 20) {
        packet[0] = 0x45;
        packet[3] = (uint8_t)*len;
        packet[8] = 64;
        packet[9] = connection->protocol;
        memcpy(packet + 12, connection->source.bytes + 12, 4);
        memcpy(packet + 16, connection->destination.bytes + 12, 4);
    } else {
        packet[0] = 0x60;
        packet[5] = (uint8_t)transport;
        packet[6] = connection->protocol;
        packet[7] = 64;
        memcpy(packet + 8, connection->source.bytes, 16);
        memcpy(packet + 24, connection->destination.bytes, 16);
    }
    if (transport != 0) {
        packet[header + 2] = (uint8_t)(connection->port >> 8);
        packet[header + 3] = (uint8_t)connection->port;
    }
    if (connection->protocol == 6)
        packet[header + 12] = 5 << 4;
    if (connection->protocol == 17)
        packet[header + 5] = 8;
    return packet;
}

#endif
