/** What the page opens with: `npm run build:playground` draws its plan into the page. */
export const FIRST_NAME = 'shapes, a small CNN';

export const FIRST_PROGRAM = `# Ten kinds of drawn shapes: nothing to download. Change something, and look at the plan.
dataset shapes(images: 2000) { normalize(mean: 0.5, std: 0.5) }

model Shapes(image: [32, 32, 3]) -> [10] {
  image
  |> conv2d(16, kernel: 3, stride: 2, padding: 1) as conv1 |> batch_norm |> relu
  |> conv2d(32, kernel: 3, stride: 2, padding: 1) as conv2 |> batch_norm |> relu
  |> global_avg_pool |> linear(10) as head
}

precision { compute fp16 }

train { loss cross_entropy  optimizer adam(lr: 3e-3)  batch 32  epochs 3  seed 0 }
`;
