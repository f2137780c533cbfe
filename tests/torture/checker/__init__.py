"""The checker: judges what a run of the lab left behind. It shares no code with what it judges."""

from tests.torture.checker.judge import judge as judge
from tests.torture.checker.verdicts import Verdict as Verdict
