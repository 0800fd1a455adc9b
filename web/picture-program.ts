/** A program for a folder of pictures: with `train` and `test` folders in it, or with the classes themselves. */
export function pictureProgram(folder: string, paths: readonly string[]): string {
  const isDivided = paths.some((path) => path.startsWith(`/${folder}/train/`));
  return `# Pictures from here, a folder for each class. They do not leave this browser.
dataset folder("${folder}") {
  size(32)
${isDivided ? '' : '  split(test: 0.2)\n'}  normalize(mean: 0.5, std: 0.5)
}

model Pictures(image: dataset.shape) -> [dataset.classes] {
  image
  |> conv2d(16, kernel: 3, stride: 2, padding: 1) as conv1 |> batch_norm |> relu
  |> conv2d(32, kernel: 3, stride: 2, padding: 1) as conv2 |> batch_norm |> relu
  |> global_avg_pool |> linear(dataset.classes) as head
}

precision { compute fp16 }

train { loss cross_entropy  optimizer adam(lr: 3e-3)  batch 8  epochs 10  seed 0 }
`;
}
