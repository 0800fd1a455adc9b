import { type UserError, userError } from '../../diagnostics/diagnostic.js';

interface Kind {
  /** How such files begin; bytes as latin1. */
  readonly starts: readonly string[];
  readonly what: string;
  readonly fix?: string;
}

const SAVE = 'save the weights in Python with safetensors.torch.save_file or torch.save(model.state_dict(), "weights.pt")';

/** Files that are taken for weights by mistake. */
const KINDS: readonly Kind[] = [
  { starts: ['\x89PNG', '\xff\xd8\xff', 'GIF8'], what: 'a picture' },
  { starts: ['\x89HDF\r\n'], what: 'a file of HDF5, as Keras writes it' },
  { starts: ['\x93NUMPY'], what: 'an array of numpy' },
  { starts: ['\x1f\x8b'], what: 'a file that gzip packed', fix: 'unpack it first' },
  { starts: ['\x80\x02', '\x80\x03', '\x80\x04', '\x80\x05'], what: 'a pickle that torch.save did not write' },
];

const SHOWN = 40;

const latin1 = (head: Uint8Array): string => String.fromCharCode(...head);

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** As text that is cut somewhere: the last character may be half there. */
function isText(head: Uint8Array): boolean {
  const whole = [0, 1, 2, 3].some((cut) => cut <= head.length && isUtf8(head.subarray(0, head.length - cut)));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: text has none but these
  return whole && !/[\x00-\x08\x0e-\x1f]/.test(latin1(head));
}

function textKind(path: string, head: Uint8Array): Kind {
  const [line = ''] = new TextDecoder().decode(head).trimStart().split(/\r?\n/);
  const shown = line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line.trimEnd();
  if (path.endsWith('.amp'))
    return { starts: [], what: 'a program of ampc', fix: 'give the weights, such as the last.safetensors of a run, not the .amp file' };
  if (line.startsWith('version https://git-lfs'))
    return { starts: [], what: 'a pointer of Git LFS, in the place of the file', fix: 'fetch the file itself with git lfs pull' };
  return { starts: [], what: `text, which begins with ${JSON.stringify(shown)}` };
}

function kindOf(path: string, head: Uint8Array): Kind {
  if (head.length === 0) return { starts: [], what: 'an empty file' };
  const start = latin1(head);
  const known = KINDS.find(({ starts }) => starts.some((text) => start.startsWith(text)));
  if (known !== undefined) return known;
  if (path.endsWith('.onnx')) return { starts: [], what: 'a model of ONNX', fix: '`ampc import` makes a .amp file and safetensors of it' };
  return isText(head) ? textKind(path, head) : { starts: [], what: 'bytes of no kind that is known here' };
}

/**
 * What a file is that is neither safetensors nor of torch.save, by its first bytes: UserError AMP7201, which says what to give instead.
 */
export function otherFile(path: string, head: Uint8Array): UserError {
  const { what, fix } = kindOf(path, head);
  return userError(
    'AMP7201',
    `${path} is neither safetensors nor a state dict of PyTorch`,
    `it looks like ${what}`,
    fix ?? `give the last.safetensors of a run, or ${SAVE}`,
  );
}
