/**
 * Preloaded into a process (`--import`): changes the adapters that it finds. AMPC_TEST_ADAPTER: `no-f16` takes shader-f16 away; `second`
 * shows another one to those who ask for low power.
 */
const name = 'webgpu';
const { globals } = (await import(name)) as { globals: { GPU: { prototype: GPU } } };
const { prototype } = globals.GPU;
const requestAdapter = prototype.requestAdapter;

function hide(adapter: GPUAdapter): void {
  const features = new Set(adapter.features);
  features.delete('shader-f16');
  Object.defineProperty(adapter, 'features', { value: features });
}

prototype.requestAdapter = async function (this: GPU, options?: GPURequestAdapterOptions) {
  const adapter = await requestAdapter.call(this, options);
  if (adapter === null) return adapter;
  if (process.env.AMPC_TEST_ADAPTER === 'no-f16') hide(adapter);
  if (process.env.AMPC_TEST_ADAPTER === 'second' && options?.powerPreference === 'low-power') {
    hide(adapter);
    Object.defineProperty(adapter, 'info', { value: { vendor: 'acme', device: 'small-gpu', architecture: '', description: 'driver 7' } });
  }
  return adapter;
};
