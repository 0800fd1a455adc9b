import { create, globals } from 'webgpu';
Object.assign(globalThis, globals);
import fs from 'node:fs';
const cpuNs=()=>{let t=0;for(const id of fs.readdirSync('/proc/self/task')){try{const c=fs.readFileSync(`/proc/self/task/${id}/comm`,'utf8');if(c.startsWith('llvmpipe'))t+=Number(fs.readFileSync(`/proc/self/task/${id}/schedstat`,'utf8').split(' ')[0]);}catch{}}return t/1e6;};
const gpu = create(['enable-dawn-features=allow_unsafe_apis,disable_robustness']);
const adapter = await gpu.requestAdapter();
const device = await adapter.requestDevice({ requiredFeatures: ['shader-f16','timestamp-query'] });
const M=8192,K=288,N=64;
const mk=(bytes)=>device.createBuffer({size:bytes,usage:GPUBufferUsage.STORAGE|GPUBufferUsage.COPY_SRC|GPUBufferUsage.COPY_DST});
const A=mk(M*K*4),B=mk(K*N*4),C=mk(M*N*4);
const rd=device.createBuffer({size:16,usage:GPUBufferUsage.MAP_READ|GPUBufferUsage.COPY_DST});
async function run(name, code, wg){
  const t0=performance.now();
  const p=await device.createComputePipelineAsync({layout:'auto',compute:{module:device.createShaderModule({code})}});
  const bg=device.createBindGroup({layout:p.getBindGroupLayout(0),entries:[A,B,C].map((buffer,binding)=>({binding,resource:{buffer}}))});
  const once=async()=>{const t=performance.now();const e=device.createCommandEncoder();const s=e.beginComputePass();s.setPipeline(p);s.setBindGroup(0,bg);s.dispatchWorkgroups(...wg);s.end();e.copyBufferToBuffer(C,0,rd,0,16);device.queue.submit([e.finish()]);await rd.mapAsync(1);rd.unmap();return performance.now()-t};
  await once(); let best=1e9; for(let i=0;i<5;i++){const c=cpuNs(); await once(); best=Math.min(best,cpuNs()-c);} 
  console.log(name.padEnd(40),'cpu ms',best.toFixed(1),'GFLOP/cpu-s',(2*M*N*K/best/1e6).toFixed(2));
}
const seq=(n,f)=>Array.from({length:n},(_,i)=>f(i));
function lanes(R,T,L,U,at,bt,{sel=false,blockn=1}={}){
  const cb=N/(T*L);
  return `${at==='f16'||bt==='f16'?'enable f16;':''}
@group(0)@binding(0) var<storage,read> A: array<${at}>; @group(0)@binding(1) var<storage,read> B: array<${bt}>; @group(0)@binding(2) var<storage,read_write> C: array<f32>;
@compute @workgroup_size(${L}) fn main(@builtin(workgroup_id) wid: vec3u,@builtin(local_invocation_index) lid:u32){
 let m=wid.x/${cb}u*${R}u; let n=wid.x%${cb}u*${T*L}u+lid;
 ${seq(R,r=>`let o${r}=(m+${r}u)*${K}u;`).join('')}
 ${seq(R*T,i=>`var s${i}=0.0f;`).join('')}
 for(var k=0u;k<${K}u;k+=${U}u){
 ${seq(U,u=>seq(T,t=>`let w${u}_${t}=f32(B[(k+${u}u)*${N}u+n+${t*L}u]);`).join('')+seq(R,r=>`let a${u}_${r}=f32(A[o${r}+k+${u}u]);`+seq(T,t=>`s${r*T+t}=fma(a${u}_${r},w${u}_${t},s${r*T+t});`).join('')).join('\n')).join('\n')}
 }
 ${seq(R*T,i=>`C[(m+${Math.floor(i/T)}u)*${N}u+n+${(i%T)*L}u]=s${i};`).join('')}
}`}

// vec4: thread R rows x 4V columns; lanes LX along n, LY along m
function v4(R,V,LX,LY,at,{fmaScalar=false}={}){
  const Tn=4*V*LX, Tm=R*LY, cb=N/Tn; const h=at==='f16';
  const ld=(x)=>h?`vec4f(${x})`:x;
  return `${h?'enable f16;':''}
@group(0)@binding(0) var<storage,read> A: array<vec4<${at}>>; @group(0)@binding(1) var<storage,read> B: array<vec4<${at}>>; @group(0)@binding(2) var<storage,read_write> C: array<vec4f>;
@compute @workgroup_size(${LX*LY}) fn main(@builtin(workgroup_id) wid: vec3u,@builtin(local_invocation_index) lid:u32){
 let m=wid.x/${cb}u*${Tm}u+lid/${LX}u*${R}u; let n=(wid.x%${cb}u*${Tn}u)/4u+lid%${LX}u;
 ${seq(R,r=>`let o${r}=(m+${r}u)*${K/4}u;`).join('')}
 ${seq(R*V,i=>`var s${i}=vec4f(0.0f);`).join('')}
 for(var k=0u;k<${K/4}u;k+=1u){
 ${seq(R,r=>`let a${r}=${ld(`A[o${r}+k]`)};`).join('')}
 ${seq(4,u=>seq(V,t=>`let w${u}_${t}=${ld(`B[(k*4u+${u}u)*${N/4}u+n+${t*LX}u]`)};`).join('')+seq(R*V,i=>{const r=Math.floor(i/V),t=i%V;return `s${i}=fma(vec4f(a${r}.${'xyzw'[u]}),w${u}_${t},s${i});`}).join('')).join('\n')}
 }
 ${seq(R*V,i=>`C[(m+${Math.floor(i/V)}u)*${N/4}u+n+${(i%V)*LX}u]=s${i};`).join('')}
}`}

for (const [R,V,LX,LY,at] of [[4,1,16,1,'f32'],[4,1,16,4,'f32'],[4,1,8,8,'f32'],[4,1,8,8,'f16'],[8,1,16,1,'f32'],[8,1,8,8,'f32'],[8,1,8,1,'f16'],[4,2,8,8,'f32'],[6,1,16,4,'f32'],[2,1,16,4,'f32']])
  await run(`v4 R${R} V${V} LX${LX} LY${LY} ${at}`, v4(R,V,LX,LY,at), [Math.floor(M/(R*LY))*(N/(4*V*LX)),1,1]);
device.destroy(); process.exit(0);
