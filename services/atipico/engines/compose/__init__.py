"""The stack in containers, as compose/compose.yaml describes it: `./up.sh docker`."""
