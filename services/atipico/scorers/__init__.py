"""The shelf of scorers: who gives a row of numbers its score.

`http` asks the classifier for a job's model. Those in this index need neither: the name here is the name on the
command line, `atipico agent --scorer NAME`, of an agent that works alone.
"""

from collections.abc import Callable, Mapping

from atipico.ports import Scorer
from atipico.scorers.sum import SumScorer

SCORERS: Mapping[str, Callable[[], Scorer]] = {
    "sum": SumScorer,
}
