import type { LossKind } from '../ir/program.js';
import type { Graph, Node } from '../ir/types.js';
import { isView, type OpName, opDefinition } from '../ops/index.js';
import type { Probabilities } from '../ops/traits.js';
import type { LintFinding, LintInput, LintRule } from './rule.js';

export const lossOnProbabilities: LintRule = {
  title: 'loss on probabilities',
  meaning: 'Cross entropies take the softmax, or the sigmoid, themselves, so the model has to end with logits.',
  check,
};

/** What ends the model, whatever view of it the loss reads. */
function lastOp({ nodes, outputs }: Graph): Node {
  let node = nodes[outputs.logits!]!;
  while (isView(node)) node = nodes[node.inputs[0]!]!;
  return node;
}

/** What a loss makes of the result of an op that gives probabilities, or their logarithms; undefined when it is meant for them. */
type OnProbabilities = (op: OpName, is: Probabilities, classes: number) => Pick<LintFinding, 'message' | 'why'> | undefined;

const message = (loss: LossKind, op: string): string => `${loss} reads the result of ${op}, not logits`;

const onLossOfSigmoids =
  (loss: LossKind): OnProbabilities =>
  (op, is) =>
    is === 'independent'
      ? {
          message: `${loss} on probabilities: rewritten to the logits that ${op} reads`,
          why: 'the logarithm of a probability that was rounded to 0 or 1 is infinite; of the logits, the same loss is finite',
        }
      : {
          message: message(loss, op),
          why: `${loss} takes the sigmoid of each class itself: of probabilities it lies between 0.5 and 0.73`,
        };

const onCrossEntropy: OnProbabilities = (op, is, classes) => {
  if (is === 'logarithms')
    return {
      message: message('cross_entropy', op),
      why: 'cross_entropy takes the logarithm of the softmax itself, and a second one changes nothing but the time of a step',
    };
  const least = Math.log(Math.E + classes - 1) - 1;
  return {
    message: message('cross_entropy', op),
    why:
      'cross_entropy takes the softmax itself: of values between 0 and 1 it is nearly flat, its gradients are small, ' +
      `and the loss of ${classes} classes cannot fall below ${least.toFixed(2)}`,
  };
};

const ON_PROBABILITIES: Readonly<Record<LossKind, OnProbabilities>> = {
  cross_entropy: onCrossEntropy,
  mse: () => undefined,
  l1: () => undefined,
  huber: () => undefined,
  binary_cross_entropy: onLossOfSigmoids('binary_cross_entropy'),
  focal: onLossOfSigmoids('focal'),
};

function check({ recipe, forward }: LintInput): readonly LintFinding[] {
  const { op, layer, loc } = lastOp(forward);
  const { probabilities } = opDefinition(op);
  if (probabilities === undefined) return [];
  const { kind } = recipe.train.loss;
  const found = ON_PROBABILITIES[kind](op, probabilities, recipe.classes);
  if (found === undefined) return [];
  const rewritten = opDefinition(kind).takesProbabilities === 'independent' && probabilities === 'independent';
  const remove = `remove ${op} from the end of the model: the same class is the largest`;
  const fix = rewritten ? `leave it, for a model that gives probabilities, or ${remove}` : remove;
  return [{ ...found, fix, place: loc && layer !== '' ? { kind: 'layer', loc } : undefined }];
}
