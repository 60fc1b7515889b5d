#define WORD "hello"

int greet(void);
