/* The process that holds a pod's namespaces: it waits, and reaps what the pod leaves behind. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void reap(int signal) {
    (void)signal;
    while (waitpid(-1, 0, WNOHANG) > 0) {
    }
}
static void end(int signal) {
    (void)signal;
    _exit(0);
}

int main(void) {
    signal(SIGCHLD, reap);
    signal(SIGINT, end);
    signal(SIGTERM, end);
    for (;;) pause();
}
