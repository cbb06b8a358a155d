"""A container as SageMaker runs it: `train` learns a model from a channel, `serve` answers for it on a port."""
