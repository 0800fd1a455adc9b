/** A `.amp` file of about so many lines: blocks, of which a model calls some. */
export function largeFile(lines: number): string {
  const block = (i: number) => [
    `block Part${i}(x, channels = 16) {`,
    '  # two convolutions, and what they began with',
    '  let start = x |> conv2d(channels, kernel: 1) as start',
    '  x',
    '  |> conv2d(channels, kernel: 3, padding: 1, bias: false) as conv1',
    '  |> batch_norm as bn1 |> relu',
    '  |> conv2d(channels, kernel: 3, padding: 1, bias: false) as conv2',
    '  |> batch_norm as bn2 |> add(start) |> relu',
    '}',
    '',
  ];
  const calls = 12;
  const blocks = Math.max(calls, Math.floor((lines - calls - 10) / block(0).length));
  const step = Math.floor(blocks / calls);
  return [
    'dataset cifar10 { normalize(mean: 0.5, std: 0.5) }',
    '',
    ...Array.from({ length: blocks }, (_, i) => block(i)).flat(),
    'model Net(image: [32, 32, 3]) -> [10] {',
    '  image',
    ...Array.from({ length: calls }, (_, i) => `  |> Part${i * step}(${16 + 8 * (i % 3)}) as part${i}`),
    '  |> global_avg_pool |> linear(10) as fc',
    '}',
    '',
    'precision { compute fp16  keep fc in fp32 }',
    'train { batch 8  optimizer sgd(lr: 0.1) }',
    '',
  ].join('\n');
}
