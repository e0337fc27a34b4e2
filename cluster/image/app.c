/* What the private images hold: says that it runs, then waits to be ended. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static void end(int number) { (void)number; _exit(0); }

int main(void) {
    signal(SIGTERM, end);
    signal(SIGINT, end);
    puts("running, from a private image");
    fflush(stdout);
    for (;;) pause();
}
