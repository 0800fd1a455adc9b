[(dataset) (model) (block) (precision) (train) (repeat) (if_stage) (collect) (if)] @fold
