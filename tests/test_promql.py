"""What an expression is about, in the spellings that people use."""

from __future__ import annotations

import pytest

from blueprint.promql import metric, selectors


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("up == 0", ("up",)),
        ('absent(up{service="gateway"}) or absent(up{service="ui"})', ('up{service="gateway"}', 'up{service="ui"}')),
        ("sum by (status) (rate(requests_total{a='}'}[1m]))", ("requests_total{a='}'}",)),
        ("sum(rate(requests_total[5m])) by (status, job)", ("requests_total",)),
        ("a / on (job) group_left (x) b", ("a", "b")),
        ("a > bool 5e3 and b offset 5m unless c", ("a", "b", "c")),
        ('count by (n) (ALERTS{alertstate="firing"}) or vector(0)', ('ALERTS{alertstate="firing"}',)),
        ('{__name__="up"}', ('{__name__="up"}',)),
        ("histogram_quantile(0.95, sum by (le) (rate(s_bucket[5m])))", ("s_bucket",)),
        ("up # not down\n+ up", ("up",)),
        ("job:up:sum{a=\"x\",\n b=~'y|z'} > 170e6", ("job:up:sum{a=\"x\",\n b=~'y|z'}",)),
        ("max_over_time(up[10m:1m] offset 1h)", ("up",)),
        ("1 + 2", ()),
        ("", ()),
        ("broken{", ("broken{",)),
        ("sum by (", ()),
    ],
)
def test_the_selectors_of_an_expression(expression: str, wanted: tuple[str, ...]) -> None:
    assert selectors(expression) == wanted


def test_the_metric_of_a_selector() -> None:
    assert metric('up{job="x"}') == metric("up") == "up"
    assert metric('{__name__="up"}') == ""
