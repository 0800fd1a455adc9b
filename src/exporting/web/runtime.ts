/**
 * The part of the page that runs the model: plain JavaScript for a browser. `createClassifier` takes a `GPU`, the program and the bytes of
 * its weights; what it resolves to takes the bytes of an image, row by row with its channels together, and resolves to logits.
 */
export const RUNTIME = String.raw`
const NO_WEBGPU = 'this browser has no WebGPU: a current Chrome, Edge, Safari or Firefox on a machine with a GPU has';

async function createClassifier(gpu, program, weights) {
  if (!gpu) throw new Error(NO_WEBGPU);
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new Error('this browser has WebGPU, but found no GPU that it can use');
  if (program.f16 && !adapter.features.has('shader-f16'))
    throw new Error('the model computes in fp16, and this GPU has no such numbers (shader-f16): export it with --precision fp32');
  const device = await adapter.requestDevice({ requiredFeatures: program.f16 ? ['shader-f16'] : [] });
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;

  // A block that is larger than a buffer may be is several.
  const blocks = {};
  for (const [name, bytes] of Object.entries(program.blocks)) {
    blocks[name] = [];
    for (let at = 0; at < Math.max(1, bytes); at += program.bufferBytes) {
      const size = Math.min(program.bufferBytes, bytes - at);
      blocks[name].push(device.createBuffer({ size: Math.max(256, Math.ceil(size / 4) * 4), usage }));
    }
  }
  const at = ([block, offset, size]) => ({
    buffer: blocks[block][Math.floor(offset / program.bufferBytes)],
    offset: offset % program.bufferBytes,
    size,
  });
  const write = (block, offset, bytes) => {
    const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
    padded.set(bytes);
    const place = at([block, offset, 0]);
    device.queue.writeBuffer(place.buffer, place.offset, padded);
  };
  for (let start = 0; start < weights.length; start += program.bufferBytes)
    write('states', start, weights.subarray(start, start + program.bufferBytes));

  const pipelines = await Promise.all(
    program.shaders.map(async ({ label, code, access }) => {
      const layout = device.createBindGroupLayout({
        entries: access.map((kind, binding) => ({
          binding,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type: kind === 'read' ? 'read-only-storage' : 'storage' },
        })),
      });
      const compute = { module: device.createShaderModule({ label, code }) };
      const pipelineLayout = device.createPipelineLayout({ bindGroupLayouts: [layout] });
      const pipeline = await device.createComputePipelineAsync({ label, layout: pipelineLayout, compute });
      return { pipeline, layout };
    }),
  );
  const dispatches = program.dispatches.map(({ shader, places, workgroups }) => ({
    pipeline: pipelines[shader].pipeline,
    bindGroup: device.createBindGroup({
      layout: pipelines[shader].layout,
      entries: places.map((place, binding) => ({ binding, resource: at(place) })),
    }),
    workgroups,
  }));
  const result = at(program.logits);
  const staging = device.createBuffer({ size: Math.ceil(result.size / 4) * 4, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });

  return async (pixels) => {
    write('inputs', program.image.offset, pixels);
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (const { pipeline, bindGroup, workgroups } of dispatches) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(...workgroups);
    }
    pass.end();
    encoder.copyBufferToBuffer(result.buffer, result.offset, staging, 0, staging.size);
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const logits = new Float32Array(staging.getMappedRange().slice(0, result.size));
    staging.unmap();
    return logits;
  };
}

function takeProbabilities(kind, logits) {
  if (kind === 'identity') return [...logits];
  if (kind === 'sigmoid') return [...logits].map((value) => 1 / (1 + Math.exp(-value)));
  const greatest = Math.max(...logits);
  const powers = [...logits].map((value) => Math.exp(value - greatest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
`;
