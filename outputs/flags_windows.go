package outputs

import "os"

const readFlags = os.O_RDONLY
