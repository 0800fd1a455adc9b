/** Names that Python, or every torch.nn.Module, has for something else. */
const TAKEN = new Set(
  [
    'False None True and as assert async await break class continue def del elif else except finally for from global if import in is',
    'lambda nonlocal not or pass raise return try while with yield self torch nn F',
    'add_module apply bfloat16 buffers call_super_init children compile cpu cuda double dump_patches eval extra_repr float forward',
    'get_buffer get_extra_state get_parameter get_submodule half ipu load_state_dict modules mtia named_buffers named_children',
    'named_modules named_parameters parameters register_backward_hook register_buffer register_forward_hook',
    'register_forward_pre_hook register_full_backward_hook register_load_state_dict_post_hook register_module register_parameter',
    'register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule share_memory state_dict to to_empty train training type',
    'xpu zero_grad mean std',
  ].flatMap((line) => line.split(' ')),
);

/** A part of the path of a layer as an attribute of a module: a name that is taken gains a `_`. */
export function attributeName(part: string): string {
  return TAKEN.has(part) ? `${part}_` : part;
}

/** The path of a state as PyTorch's state dict has it. */
export function statePath(name: string): string {
  return name.split('.').map(attributeName).join('.');
}

export function className(part: string): string {
  const words = part
    .replace(/[^A-Za-z0-9]+/g, ' ')
    .trim()
    .split(' ');
  const name = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
  return /^[A-Za-z]/.test(name) ? name : `Block${name}`;
}

/** A number as Python reads it: infinities by name. */
export function number(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return 'float("inf")';
  if (value === Number.NEGATIVE_INFINITY) return '-float("inf")';
  return String(value);
}

export function tuple(values: readonly (number | string)[]): string {
  return values.length === 1 ? `(${values[0]},)` : `(${values.join(', ')})`;
}

/** One number for a pair of equal ones. */
export function pairOf([rows, columns]: readonly number[]): string {
  return rows === columns ? String(rows) : tuple([rows!, columns!]);
}

/** A path below an object: numbers are places in a list. */
export function access(object: string, path: string): string {
  return path.split('.').reduce((text, part) => (/^\d+$/.test(part) ? `${text}[${part}]` : `${text}.${attributeName(part)}`), object);
}
