#include "gate.h"

#include <ecom/stream.h>

#include <unistd.h>

void gate_init(struct gate *gate, const struct daemon *d)
{
    int64_t processors = sysconf(_SC_NPROCESSORS_ONLN), threads = d->settings.http_threads;
    int64_t half = (processors < threads ? processors : threads) / 2;

    *gate = (struct gate){.d = d, .most = half > 1 ? (uint32_t)half : 1};
    pthread_mutex_init(&gate->lock, NULL);
}

void gate_clear(struct gate *gate)
{
    pthread_mutex_destroy(&gate->lock);
}

static void wait_in_line(struct gate *gate, struct gate_turn *turn)
{
    turn->next = NULL;
    if (gate->first)
        gate->last->next = turn;
    else
        gate->first = turn;
    gate->last = turn;
    gate->waiting++;
}

int gate_enter(struct gate *gate, struct gate_turn *turn, ecom_error *err)
{
    int r = 0;

    turn->gate = gate;
    pthread_mutex_lock(&gate->lock);
    if (gate->inside < gate->most) {
        gate->inside++;
        r = 1;
    } else if (gate->waiting < GATE_MAX_WAITING) {
        wait_in_line(gate, turn);
    } else {
        r = ecom_fail(err, ECOM_E_RATE, "more than %d requests above %d KiB are waiting",
                      GATE_MAX_WAITING, GATE_LARGE_BYTES >> 10);
    }
    pthread_mutex_unlock(&gate->lock);
    return r;
}

/* Who takes the place of one that leaves; NULL: it is free. */
static struct gate_turn *take_next(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    struct gate_turn *turn = gate->first;
    if (turn) {
        gate->first = turn->next;
        gate->waiting--;
    } else {
        gate->inside--;
    }
    pthread_mutex_unlock(&gate->lock);
    return turn;
}

static void go_in(void *arg, int cancelled)
{
    struct gate_turn *turn = arg;
    struct gate *gate = turn->gate;

    turn->run(turn, cancelled);
    if (cancelled)
        gate_leave(gate);
}

/* On a thread of its own, behind what has come meanwhile. */
void gate_leave(struct gate *gate)
{
    struct gate_turn *turn;

    while ((turn = take_next(gate)) && ecom_http_server_run(gate->d->server, go_in, turn) < 0)
        turn->run(turn, 1);
}
