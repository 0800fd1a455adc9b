import type { LowType } from '../../ir/types.js';
import { parsePlan } from '../../plan/parse.js';
import type { Plan } from '../../plan/plan.js';

/**
 * The plan of a convolution and a linear layer, as the planner makes it (test/cuda/self-check.test.ts compares), with f16 for the low
 * format: a backend knows plans, and not how they are made.
 */
const TEXT = `plan @Net policy=mixed precision=f16 backend=cuda

fn train_step(%image: u8[16,8,8,3], %label: i32[16], %lr: f32[]) -> (loss: %9, correct: %8, ok: %19, scale: %20) batch=16 \
arena=172928 {
  %conv.weight = state {role="parameter", init="uniform", value=0.19245008972987526} : f32[3,3,3,16]  layer="conv"
  %conv.bias = state {role="parameter", init="uniform", value=0.19245008972987526} : f32[16]  layer="conv"
  %fc.weight = state {role="parameter", init="uniform", value=0.03125} : f32[1024,16]  layer="fc"
  %fc.bias = state {role="parameter", init="uniform", value=0.03125} : f32[16]  layer="fc"
  %scaler.scale = state {role="scaler", init="constant", value=1024} : f32[]
  %scaler.tracker = state {role="scaler", init="constant", value=0} : i32[]
  %scaler.skips = state {role="scaler", init="constant", value=0} : i32[]
  %0 = constant {value=1} : f32[]
  map normalize_normalize {
    %1 = normalize %image {mean=[0.5, 0.5, 0.5], std=[0.5, 0.5, 0.5]} : f16[16,8,8,3] @0  layer="normalize"
  }
  map conv_cast {
    %2 = cast %conv.weight {to="f16"} : f16[3,3,3,16] @6144  layer="conv"
  }
  contraction conv {
    %3 = conv2d %1, %2, %conv.bias {stride=[1, 1], padding=[1, 1, 1, 1]} : f16[16,8,8,16] @7040  layer="conv"
    %4 = reshape %3 {shape=[16, 1024]} : f16[16,1024]  layer="flatten_1"
  }
  map fc_cast {
    %5 = cast %fc.weight {to="f16"} : f16[1024,16] @39808  layer="fc"
  }
  contraction fc {
    %6 = linear %4, %5, %fc.bias : f16[16,16] @6144  layer="fc"
    %7 = cast %6 {to="f32"} : f32[16,16] @72576  layer="loss"
  }
  rows correct_count {
    %8 = correct_count %6, %label : i32[] @6656
  }
  rows loss_cross_entropy {
    %9 = cross_entropy %7, %label {label_smoothing=0} : f32[] @6720  layer="loss"
  }
  scalar scale_loss_grad {
    %10 = scale_loss_grad %0, %scaler.scale {factor=1} : f32[] @6784  grad_of=%9
  }
  rows loss_grad {
    %11 = cross_entropy_grad %7, %label, %10 {label_smoothing=0} : f32[16,16] @73600  grad_of=%6 layer="loss"
    %12 = cast %11 {to="f16"} : f16[16,16] @6144  grad_of=%6 layer="fc"
  }
  contraction fc_input_grad {
    %13 = linear_input_grad %12, %5 : f16[16,1024] @74624  grad_of=%4 layer="fc"
    %14 = reshape %13 {shape=[16, 8, 8, 16]} : f16[16,8,8,16]  grad_of=%3 layer="flatten_1"
  }
  contraction fc_weight_grad {
    %15 = linear_weight_grad %4, %12 : f32[1024,16] @107392  grad_of=%fc.weight layer="fc"
  }
  reduce fc_bias_grad {
    %16 = sum_to_channel %11 : f32[16] @6144  grad_of=%fc.bias layer="fc"
  }
  contraction conv_weight_grad {
    %17 = conv2d_weight_grad %1, %14 {stride=[1, 1], padding=[1, 1, 1, 1], kernel=[3, 3]} : f32[3,3,3,16] @6784  grad_of=%conv.weight \
layer="conv"
  }
  reduce conv_bias_grad {
    %18 = sum_to_channel %14 : f32[16] @6208  grad_of=%conv.bias layer="conv"
  }
  reduce all_finite {
    %19 = all_finite %17, %18, %15, %16 : bool[] @6272
  }
  scalar scale {
    %20 = scale %scaler.scale {factor=1} : f32[] @6336
  }
  update update {
    %21 = unscale %17, %scaler.scale : f32[3,3,3,16]  layer="conv"
    %22 = unscale %18, %scaler.scale : f32[16]  layer="conv"
    %23 = unscale %15, %scaler.scale : f32[1024,16]  layer="fc"
    %24 = unscale %16, %scaler.scale : f32[16]  layer="fc"
    %25 = sgd %conv.weight, %21, %lr, %19 {momentum=0, nesterov=false, weight_decay=0, guarded=true, writes=["conv.weight"]} : \
f32[3,3,3,16]  layer="conv"
    %26 = sgd %conv.bias, %22, %lr, %19 {momentum=0, nesterov=false, weight_decay=0, guarded=true, writes=["conv.bias"]} : f32[16]  \
layer="conv"
    %27 = sgd %fc.weight, %23, %lr, %19 {momentum=0, nesterov=false, weight_decay=0, guarded=true, writes=["fc.weight"]} : \
f32[1024,16]  layer="fc"
    %28 = sgd %fc.bias, %24, %lr, %19 {momentum=0, nesterov=false, weight_decay=0, guarded=true, writes=["fc.bias"]} : f32[16]  \
layer="fc"
    %29 = update_scale %scaler.scale, %scaler.tracker, %scaler.skips, %19 {growth=2, backoff=0.5, interval=2000, floor=1, \
cap=1.7014118346046923e+38, writes=["scaler.scale", "scaler.tracker", "scaler.skips"]} : f32[]
  }
}

fn eval_step(%image: u8[16,8,8,3], %label: i32[16]) -> (logits: %5, loss: %8, correct: %7) batch=16 arena=72576 {
  %conv.weight = state {role="parameter", init="uniform", value=0.19245008972987526} : f32[3,3,3,16]  layer="conv"
  %conv.bias = state {role="parameter", init="uniform", value=0.19245008972987526} : f32[16]  layer="conv"
  %fc.weight = state {role="parameter", init="uniform", value=0.03125} : f32[1024,16]  layer="fc"
  %fc.bias = state {role="parameter", init="uniform", value=0.03125} : f32[16]  layer="fc"
  map normalize_normalize {
    %0 = normalize %image {mean=[0.5, 0.5, 0.5], std=[0.5, 0.5, 0.5]} : f16[16,8,8,3] @0  layer="normalize"
  }
  map conv_cast {
    %1 = cast %conv.weight {to="f16"} : f16[3,3,3,16] @6144  layer="conv"
  }
  contraction conv {
    %2 = conv2d %0, %1, %conv.bias {stride=[1, 1], padding=[1, 1, 1, 1]} : f16[16,8,8,16] @7040  layer="conv"
    %3 = reshape %2 {shape=[16, 1024]} : f16[16,1024]  layer="flatten_1"
  }
  map fc_cast {
    %4 = cast %fc.weight {to="f16"} : f16[1024,16] @39808  layer="fc"
  }
  contraction fc {
    %5 = linear %3, %4, %fc.bias : f16[16,16] @0  layer="fc"
    %6 = cast %5 {to="f32"} : f32[16,16] @512  layer="loss"
  }
  rows correct_count {
    %7 = correct_count %5, %label : i32[] @1536
  }
  rows loss_cross_entropy {
    %8 = cross_entropy %6, %label {label_smoothing=0} : f32[] @1600  layer="loss"
  }
}
`;

/** What the self-check runs, in one of the low formats. */
export function checkPlan(low: LowType): Plan {
  return parsePlan(TEXT.replaceAll('f16', low), 'the plan of the self-check');
}
