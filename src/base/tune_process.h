// Memory and threads of this process, as training wants them.
#pragma once

namespace vpunas {

// Call first in main(). Makes malloc keep freed memory and use huge pages, without which large
// tensors are returned to the system and faulted in again at every step; and lets OpenMP's threads
// sleep soon while they wait, because spinning ones hold up the others wherever a core is shared.
// The libraries read these settings only at start-up, so the program starts itself once more with
// them set, where the user has not set them; they are removed again so that child processes do not
// inherit them.
void tune_process(char** argv);

}  // namespace vpunas
