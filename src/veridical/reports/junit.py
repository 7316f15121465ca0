"""How does a CI system get to show a verdict?"""

from __future__ import annotations

import re
from xml.etree import ElementTree

from veridical.core.finding import GateResult, Outcome, Verdict
from veridical.reports.wording import family_of, scope_words

# XML 1.0 has no way to write these, not even escaped.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def junit_xml(verdict: Verdict) -> str:
    """Return the verdict as JUnit XML: a test case per gate result, in a suite named after the gate set.

    A gate that stops the release is a failure, measured or not; a waived or excused one is skipped, with why.
    """
    stopping = verdict.failures
    suite = ElementTree.Element(
        "testsuite",
        name=_written(f"veridical {verdict.gate_set}"),
        tests=str(len(verdict.results)),
        failures=str(len(stopping)),
        skipped=str(sum(r.outcome is not Outcome.PASS and not r.stops for r in verdict.results)),
        errors="0",
    )
    for result in verdict.results:
        suite.append(_case(result))
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _case(result: GateResult) -> ElementTree.Element:
    scope = f" [{scope_words(result.scope)}]" if result.scope else ""
    case = ElementTree.Element(
        "testcase", classname=f"veridical.{family_of(result.gate.check)}", name=_written(result.gate.check + scope)
    )
    if result.outcome is Outcome.PASS:
        return case
    words = result.sentence if result.sentence else result.gate.why
    if result.stops:
        failure = ElementTree.SubElement(case, "failure", type=result.outcome.value, message=_written(words))
        failure.text = _written(f"value {result.value}, limit: {result.limit}\n{result.gate.why}")
    else:
        why = f"waived by {result.waived_by}: {result.waived_because}" if result.waived_by else f"not required; {words}"
        ElementTree.SubElement(case, "skipped", message=_written(why))
    return case


def _written(text: str) -> str:
    return _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text)
