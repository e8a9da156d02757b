/* A fake NVML: no card, no driver. It answers from the file `fake-nvml.state`
 * beside the library, which is read again at every call, so that a test can
 * change the world between two readings. The layout of structures and the
 * codes are NVML's (nvml.h).
 *
 * Lines of the state:
 *   init CODE                   nvmlInit answers CODE (0 is success)
 *   fail CODE                   every other call answers CODE
 *   hang MILLISECONDS           the count of cards takes as long
 *   driver VERSION
 *   card INDEX CODE UUID TOTAL RESERVED USED UTILISATION MODEL WITH SPACES
 *                               bytes; a CODE other than 0 answers every call for it;
 *                               UTILISATION -1 is not supported
 *   process INDEX c|g|m PID BYTES [GPU_INSTANCE]
 *                               in the list of compute, graphics or MPS processes;
 *                               BYTES -1 is not available
 *   lists INDEX CODE            its process lists answer CODE
 *   mig INDEX GPU_INSTANCE UUID TOTAL USED
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SUCCESS = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7 };
enum { LINE = 512, MIG_PLACES = 7 };

typedef struct { unsigned index; int instance; } handle;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } memory_v2;
typedef struct { unsigned gpu, memory; } utilization;
typedef struct { unsigned pid; unsigned long long used; unsigned gpu_instance, compute_instance; } process;
typedef struct {
    unsigned index; int code; char uuid[96]; unsigned long long total, reserved, used; int busy; char model[96];
} card;

static int initialised = 0;
/* Handles of cards, and of up to MIG_PLACES instances each. */
static handle handles[64][1 + MIG_PLACES];

static FILE *state(void) {
    Dl_info self;
    char path[4096];
    if (!dladdr((void *)&state, &self)) return NULL;
    snprintf(path, sizeof path, "%s", self.dli_fname);
    char *slash = strrchr(path, '/');
    if (!slash) return NULL;
    snprintf(slash + 1, sizeof path - (size_t)(slash + 1 - path), "fake-nvml.state");
    return fopen(path, "r");
}

/* The number behind a word that begins a line; `otherwise` where there is none. */
static int number(const char *word, int otherwise) {
    char line[LINE], format[32];
    int value = otherwise;
    FILE *file = state();
    if (!file) return otherwise;
    snprintf(format, sizeof format, "%s %%d", word);
    while (fgets(line, sizeof line, file)) if (sscanf(line, format, &value) == 1) break;
    fclose(file);
    return value;
}

static int find(unsigned index, card *found) {
    char line[LINE];
    int code = NOT_FOUND;
    FILE *file = state();
    if (!file) return code;
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "card %u %d %95s %llu %llu %llu %d %95[^\n]", &found->index, &found->code, found->uuid,
                   &found->total, &found->reserved, &found->used, &found->busy, found->model) == 8
            && found->index == index) {
            code = found->code;
            break;
        }
    }
    fclose(file);
    return code;
}

/* The n-th MIG instance of a card. */
static int find_mig(unsigned index, int place, unsigned *gpu_instance, char *uuid, unsigned long long *total, unsigned long long *used) {
    char line[LINE];
    unsigned of;
    int code = NOT_FOUND;
    FILE *file = state();
    if (!file) return code;
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "mig %u %u %95s %llu %llu", &of, gpu_instance, uuid, total, used) == 5 && of == index
            && place-- == 0) {
            code = SUCCESS;
            break;
        }
    }
    fclose(file);
    return code;
}

static int ready(void) {
    int fail = number("fail", 0);
    return !initialised ? UNINITIALIZED : fail;
}

/* The card of a handle, or the code that its calls answer. */
static int of(handle *device, card *found) {
    int code = ready();
    return code ? code : !device ? INVALID_ARGUMENT : find(device->index, found);
}

int nvmlInit_v2(void) {
    int code = number("init", SUCCESS);
    initialised = code == SUCCESS;
    return code;
}

int nvmlShutdown(void) { initialised = 0; return SUCCESS; }

const char *nvmlErrorString(int code) { (void)code; return "an error of the fake NVML"; }

int nvmlSystemGetDriverVersion(char *version, unsigned length) {
    char line[LINE], found[96] = "fake";
    int code = ready();
    FILE *file = code ? NULL : state();
    if (code) return code;
    while (file && fgets(line, sizeof line, file)) if (sscanf(line, "driver %95s", found) == 1) break;
    if (file) fclose(file);
    snprintf(version, length, "%s", found);
    return SUCCESS;
}

int nvmlDeviceGetCount_v2(unsigned *count) {
    card ignored;
    int code = ready();
    if (code) return code;
    usleep((unsigned)number("hang", 0) * 1000u);
    for (*count = 0; find(*count, &ignored) != NOT_FOUND; ++*count) {}
    return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, handle **device) {
    card found;
    int code = ready();
    if (code) return code;
    if (index >= 64) return INVALID_ARGUMENT;
    code = find(index, &found);
    if (code) return code;
    handles[index][0] = (handle){ index, -1 };
    *device = &handles[index][0];
    return SUCCESS;
}

int nvmlDeviceGetUUID(handle *device, char *uuid, unsigned length) {
    card found;
    unsigned gpu_instance;
    unsigned long long total, used;
    int code = of(device, &found);
    if (!code && device->instance >= 0) code = find_mig(device->index, device->instance, &gpu_instance, found.uuid, &total, &used);
    if (!code) snprintf(uuid, length, "%s", found.uuid);
    return code;
}

int nvmlDeviceGetName(handle *device, char *name, unsigned length) {
    card found;
    int code = of(device, &found);
    if (!code) snprintf(name, length, "%s", found.model);
    return code;
}

int nvmlDeviceGetMemoryInfo_v2(handle *device, memory_v2 *memory) {
    card found;
    unsigned gpu_instance;
    int code = of(device, &found);
    if (code) return code;
    if (memory->version != (sizeof *memory | 2u << 24)) return INVALID_ARGUMENT;
    if (device->instance >= 0) {
        found.reserved = 0;
        code = find_mig(device->index, device->instance, &gpu_instance, found.uuid, &found.total, &found.used);
    }
    memory->total = found.total;
    memory->reserved = found.reserved;
    memory->used = found.used;
    memory->free = found.total - found.reserved - found.used;
    return code;
}

int nvmlDeviceGetUtilizationRates(handle *device, utilization *rates) {
    card found;
    int code = of(device, &found);
    if (code) return code;
    if (found.busy < 0) return NOT_SUPPORTED;
    *rates = (utilization){ (unsigned)found.busy, 0 };
    return SUCCESS;
}

static int processes(handle *device, char kind, unsigned *count, process *out) {
    char line[LINE], this_kind;
    unsigned index, pid, gpu_instance, wanted = ~0u, fits = *count, any = 0;
    int refuses = 0;
    long long bytes;
    unsigned long long total, used;
    card found;
    int code = of(device, &found);
    FILE *file = code ? NULL : state();
    if (code) return code;
    if (device->instance >= 0) find_mig(device->index, device->instance, &wanted, found.uuid, &total, &used);
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "lists %u %d", &index, &refuses) == 2 && index == device->index) {
            fclose(file);
            return refuses;
        }
        gpu_instance = ~0u;
        if (sscanf(line, "process %u %c %u %lld %u", &index, &this_kind, &pid, &bytes, &gpu_instance) < 4
            || index != device->index || this_kind != kind || (wanted != ~0u && gpu_instance != wanted))
            continue;
        if (any < fits && out)
            out[any] = (process){ pid, (unsigned long long)bytes, gpu_instance, gpu_instance == ~0u ? ~0u : 0 };
        ++any;
    }
    if (file) fclose(file);
    *count = any;
    return any > fits ? INSUFFICIENT_SIZE : SUCCESS;
}

int nvmlDeviceGetComputeRunningProcesses_v3(handle *device, unsigned *count, process *out) {
    return processes(device, 'c', count, out);
}

int nvmlDeviceGetGraphicsRunningProcesses_v3(handle *device, unsigned *count, process *out) {
    return processes(device, 'g', count, out);
}

int nvmlDeviceGetMPSComputeRunningProcesses_v3(handle *device, unsigned *count, process *out) {
    return processes(device, 'm', count, out);
}

int nvmlDeviceGetMigMode(handle *device, unsigned *current, unsigned *pending) {
    card found;
    unsigned gpu_instance;
    unsigned long long total, used;
    int code = of(device, &found);
    if (code) return code;
    *current = *pending = find_mig(device->index, 0, &gpu_instance, found.uuid, &total, &used) == SUCCESS;
    return *current ? SUCCESS : NOT_SUPPORTED;
}

int nvmlDeviceGetMaxMigDeviceCount(handle *device, unsigned *count) {
    card found;
    int code = of(device, &found);
    *count = MIG_PLACES;
    return code;
}

int nvmlDeviceGetMigDeviceHandleByIndex(handle *device, unsigned place, handle **instance) {
    card found;
    unsigned gpu_instance;
    unsigned long long total, used;
    int code = of(device, &found);
    if (code) return code;
    if (place >= MIG_PLACES) return INVALID_ARGUMENT;
    code = find_mig(device->index, (int)place, &gpu_instance, found.uuid, &total, &used);
    handles[device->index][1 + place] = (handle){ device->index, (int)place };
    if (!code) *instance = &handles[device->index][1 + place];
    return code;
}
