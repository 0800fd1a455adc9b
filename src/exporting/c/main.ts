import type { ModelFacts } from '../facts.js';

export interface ProgramSizes {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Numbers that the model results in. */
  readonly results: number;
  /** Bytes of a call's inputs, and where in the arena the logits are. */
  readonly inputs: number;
  readonly logits: number;
  /** Bytes of a thread's scratch. */
  readonly scratch: number;
}

function cString(text: string): string {
  const bytes = [...new TextEncoder().encode(text)];
  const escaped = bytes.map((byte) =>
    byte === 0x22 || byte === 0x5c
      ? `\\${String.fromCharCode(byte)}`
      : byte >= 0x20 && byte < 0x7f
        ? String.fromCharCode(byte)
        : `\\${byte.toString(8).padStart(3, '0')}`,
  );
  return `"${escaped.join('').replaceAll('??', '?\\?')}"`;
}

/** Classifies pictures with what comes before it in the file. */
export function mainText(facts: ModelFacts, sizes: ProgramSizes): string {
  const { height, width, channels, results, inputs, logits, scratch } = sizes;
  const names = Array.from({ length: results }, (_, label) => cString(facts.classes[label] ?? String(label)));
  return String.raw`
#include <stdio.h>

enum { HEIGHT = ${height}, WIDTH = ${width}, CHANNELS = ${channels}, CLASSES = ${results}, PIXELS = HEIGHT * WIDTH * CHANNELS };
enum { SHOWN = CLASSES < 3 ? CLASSES : 3 };

static const char *const class_names[CLASSES] = {${names.join(', ')}};

/* A number of a picture's header; comments begin with #. -1 where there is none. */
static int header_number(FILE *file) {
  int c = fgetc(file);
  while (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '#') {
    if (c == '#') while (c != '\n' && c != EOF) c = fgetc(file);
    c = fgetc(file);
  }
  int value = -1;
  for (; c >= '0' && c <= '9' && value < 100000; c = fgetc(file)) value = (value < 0 ? 0 : value) * 10 + (c - '0');
  return value;
}

/* The pixels of a binary PPM or PGM, or of a file that is those bytes alone, row by row, channels together. NULL, or what is wrong. */
static const char *read_image(const char *path, uint8_t *pixels) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) return "it cannot be opened";
  const char *wrong = NULL;
  fseek(file, 0, SEEK_END);
  const long size = ftell(file);
  rewind(file);
  if (size != PIXELS) {
    const int first = fgetc(file), kind = fgetc(file);
    if (first != 'P' || kind != (CHANNELS == 1 ? '5' : '6')) wrong = "it is no ${channels === 1 ? 'PGM' : 'PPM'}, nor bytes alone";
    else if (header_number(file) != WIDTH || header_number(file) != HEIGHT) wrong = "it has another size: ${width}x${height} is needed";
    else if (header_number(file) != 255) wrong = "its pixels are no bytes";
  }
  if (wrong == NULL && fread(pixels, 1, PIXELS, file) != PIXELS) wrong = "it is cut off";
  fclose(file);
  return wrong;
}

/* The weights, as they lie in memory. NULL, or what is wrong. */
static const char *read_weights(const char *path, ampc_context *ctx) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) return "it cannot be opened";
  char *bytes = malloc(STATES_BYTES + 1);
  const char *wrong = bytes == NULL ? "there is no memory for it" : NULL;
  if (wrong == NULL && fread(bytes, 1, STATES_BYTES + 1, file) != STATES_BYTES) wrong = "it has not the bytes of this model's weights";
  if (wrong == NULL) ampc_write(ctx, 0, bytes, STATES_BYTES);
  free(bytes);
  fclose(file);
  return wrong;
}

${PROBABILITIES[facts.probabilities]}
static int usage(const char *program) {
  fprintf(stderr, "usage: %s [--weights FILE] [--logits] IMAGE...\nIMAGE: binary PPM of ${width}x${height}, or its bytes alone\n", program);
  return 2;
}

int main(int count, char **arguments) {
  const char *weights = NULL;
  int shows_logits = 0, first = 1;
  for (; first < count && strncmp(arguments[first], "--", 2) == 0; first++) {
    if (strcmp(arguments[first], "--logits") == 0) shows_logits = 1;
    else if (strcmp(arguments[first], "--weights") == 0 && first + 1 < count) weights = arguments[++first];
    else return usage(arguments[0]);
  }
  if (first >= count) return usage(arguments[0]);

  /* Beside the program, unless another file is named. */
  char beside[4096];
  if (weights == NULL) {
    const char *slash = strrchr(arguments[0], '/');
    const int length = slash == NULL ? 0 : (int)(slash + 1 - arguments[0]);
    snprintf(beside, sizeof beside, "%.*sweights.bin", length, arguments[0]);
    weights = beside;
  }
  ampc_context *ctx = ampc_create(1, ${scratch}, NULL);
  if (ctx == NULL) {
    fprintf(stderr, "there is not enough memory\n");
    return 1;
  }
  const char *wrong = read_weights(weights, ctx);
  if (wrong != NULL) {
    fprintf(stderr, "%s cannot be used: %s\n", weights, wrong);
    return 1;
  }
  uint8_t *inputs = aligned_alloc(64, ${Math.ceil(inputs / 64) * 64});
  double outputs[8];
  int failed = inputs == NULL;
  for (int i = first; i < count && inputs != NULL; i++) {
    float logits[CLASSES];
    wrong = read_image(arguments[i], inputs);
    if (wrong != NULL) {
      fprintf(stderr, "%s cannot be read: %s\n", arguments[i], wrong);
      failed = 1;
      continue;
    }
    ampc_call(ctx, 0, inputs, outputs, 0);
    ampc_read_value(ctx, ${logits}, logits, sizeof logits);
    printf("%s:", arguments[i]);
    if (shows_logits) {
      for (int k = 0; k < CLASSES; k++) printf(" %.9g", logits[k]);
    } else {
      double probabilities[CLASSES];
      take_probabilities(logits, probabilities);
      int shown[SHOWN];
      for (int n = 0; n < SHOWN; n++) {
        shown[n] = -1;
        for (int k = 0; k < CLASSES; k++) {
          int is_taken = 0;
          for (int m = 0; m < n; m++) is_taken |= shown[m] == k;
          if (!is_taken && (shown[n] < 0 || probabilities[k] > probabilities[shown[n]])) shown[n] = k;
        }
        printf("%s%s %.2f %%", n == 0 ? " " : n == 1 ? "  (" : ", ", class_names[shown[n]], 100 * probabilities[shown[n]]);
      }
      if (SHOWN > 1) printf(")");
    }
    printf("\n");
  }
  free(inputs);
  ampc_destroy(ctx);
  return failed;
}
`;
}

const PROBABILITIES = {
  none: `static void take_probabilities(const float *logits, double *probabilities) {
  for (int k = 0; k < CLASSES; k++) probabilities[k] = logits[k];
}
`,
  distribution: `static void take_probabilities(const float *logits, double *probabilities) {
  double greatest = logits[0], sum = 0;
  for (int k = 1; k < CLASSES; k++) if (logits[k] > greatest) greatest = logits[k];
  for (int k = 0; k < CLASSES; k++) sum += probabilities[k] = exp(logits[k] - greatest);
  for (int k = 0; k < CLASSES; k++) probabilities[k] /= sum;
}
`,
  independent: `static void take_probabilities(const float *logits, double *probabilities) {
  for (int k = 0; k < CLASSES; k++) probabilities[k] = 1 / (1 + exp(-logits[k]));
}
`,
} as const satisfies Readonly<Record<ModelFacts['probabilities'], string>>;
