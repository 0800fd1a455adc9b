; ../highlights.scm with Helix's names of captures. Later patterns win where several match a node, from Helix 25.07 on.
(comment) @comment
(string) @string
(number) @constant.numeric
(boolean) @constant.builtin.boolean
(name) @variable

["use" "dataset" "model" "block" "precision" "train" "let" "keep" "init" "freeze" "group" "aux_loss" "until" "after" "steps"] @keyword
["repeat" "collect"] @keyword.control.repeat
["if" "else"] @keyword.control.conditional
["share" "as" "in"] @keyword
["and" "or" "not"] @keyword.operator
["|>" "->" ".." "=" "==" "!=" "<" "<=" ">" ">=" "+" "-" "*" "/" "%"] @operator
["(" ")" "[" "]" "{" "}"] @punctuation.bracket
["," ":" "."] @punctuation.delimiter

(model name: (name) @type)
(block name: (name) @function)
(dataset name: (name) @namespace)
(input name: (name) @variable.parameter)
(parameter name: (name) @variable.parameter)
(argument name: (name) @variable.parameter)
(stage name: (name) @function)
(call name: (name) @function)
(label name: (name) @label)
(property name: (name) @variable.other.member)
(dataset_value) @variable.builtin
(setting name: (name) @variable.other.member)
(dataset_item name: (name) @variable.other.member)
(keep format: (name) @type.builtin)
((setting value: (name) @type.builtin) (#match? @type.builtin "^(fp32|fp16|bf16)$"))
