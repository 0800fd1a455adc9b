; Names of captures are Neovim's; helix/highlights.scm is the same in Helix's. Later patterns win where several match a node.
(comment) @comment
(string) @string
(number) @number
(boolean) @boolean
(name) @variable

["use" "dataset" "model" "block" "precision" "train" "let" "keep" "init" "freeze" "group" "aux_loss" "until" "after" "steps"] @keyword
["repeat" "collect"] @keyword.repeat
["if" "else"] @keyword.conditional
["share" "as" "in"] @keyword
["and" "or" "not"] @keyword.operator
["|>" "->" ".." "=" "==" "!=" "<" "<=" ">" ">=" "+" "-" "*" "/" "%"] @operator
["(" ")" "[" "]" "{" "}"] @punctuation.bracket
["," ":" "."] @punctuation.delimiter

(model name: (name) @type)
(block name: (name) @function)
(dataset name: (name) @module)
(input name: (name) @variable.parameter)
(parameter name: (name) @variable.parameter)
(argument name: (name) @variable.parameter)
(stage name: (name) @function.call)
(call name: (name) @function.call)
(label name: (name) @label)
(property name: (name) @variable.member)
(dataset_value) @variable.builtin
(setting name: (name) @property)
(dataset_item name: (name) @property)
(keep format: (name) @type.builtin)
((setting value: (name) @type.builtin) (#match? @type.builtin "^(fp32|fp16|bf16)$"))
