#include <stdio.h>

#include "greet.h"

int greet(void) { return puts(WORD) < 0; }
