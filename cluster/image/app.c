/* What the private images hold: says that it runs, then waits to be ended; with an argument it
   ends at once, as a Job's Pod has to. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static void end(int number) { (void)number; _exit(0); }

int main(int count, char **arguments) {
    (void)arguments;
    signal(SIGTERM, end);
    signal(SIGINT, end);
    puts("running, from a private image");
    fflush(stdout);
    if (count > 1) return 0;
    for (;;) pause();
}
