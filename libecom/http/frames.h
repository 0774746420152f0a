/* Frames of a WebSocket (RFC 6455 5.2), as a client sends them: read as they come, put together to
 * messages. */
#ifndef ECOM_HTTP_FRAMES_H
#define ECOM_HTTP_FRAMES_H

#include <sys/types.h>

#include "http/utf8.h"

enum opcode {
    FRAME_CONTINUATION = 0,
    FRAME_TEXT = 1,
    FRAME_BINARY = 2,
    FRAME_CLOSE = 8,
    FRAME_PING = 9,
    FRAME_PONG = 10
};
enum { FRAME_MAX_CONTROL = 125, FRAME_MAX_HEAD = 14 };

/* A message, or a control frame. */
struct frame_event {
    int32_t kind;   /* enum opcode; -1: nothing is complete yet */
    ecom_str bytes; /* lie in the reader until its next call */
    int32_t code;   /* of FRAME_CLOSE: 1005 when it has none; bytes is the reason then */
};

/* Why the connection fails: the code to close with, and a text. */
struct frame_failure {
    int32_t code;
    char text[100];
};

/* Set max_frame and max_message, zero the rest. */
struct frames {
    uint32_t max_frame, max_message; /* bytes of payload */
    uint8_t head[FRAME_MAX_HEAD];
    uint32_t nhead;
    uint64_t left;    /* of the payload; when the head is complete */
    uint32_t at;      /* in the mask */
    int32_t reading;  /* the head is complete */
    int32_t message;  /* FRAME_TEXT or FRAME_BINARY, while one is not complete; else 0 */
    int32_t given;    /* the message was handed over */
    struct utf8 utf8; /* of a text */
    ecom_buf buffer;  /* the message */
    char control[FRAME_MAX_CONTROL];
    uint32_t ncontrol;
};

/* Takes bytes up to the end of the next event. @return how many it took; -1: the connection fails.
 */
ssize_t ecom__frames_read(struct frames *f, ecom_str in, struct frame_event *event,
                          struct frame_failure *why);
void ecom__frames_clear(struct frames *f);
/* Truth: a peer may send this code in a close frame. */
int ecom__frames_code_ok(int32_t code);
/* Appends a frame, as servers write it: whole, not masked. */
int ecom__frames_write(ecom_buf *out, enum opcode opcode, ecom_str payload);

#endif
