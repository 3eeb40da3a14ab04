"""Whatever a client sends within the published schema or beside it: no failure of ours, no answer that it lacks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from kivuko.service.settings import Settings
from service import TOKEN, lexical_engine, served

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")

#: Refusals for size: of a body, an address, headers. Schemathesis does not count them as refusals.
TOO_LARGE = (413, 414, 431)
OPERATIONS = [
    ("GET", "/healthz"),
    ("GET", "/metrics"),
    ("GET", "/readyz"),
    ("GET", "/v1/documents/{document_id}"),
    ("DELETE", "/v1/documents/{document_id}"),
    ("GET", "/v1/languages"),
    ("GET", "/v1/search"),
    ("POST", "/v1/search"),
    ("POST", "/v1/documents"),
]


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    engine = lexical_engine(tmp_path_factory.mktemp("schema") / "engine")
    with served(engine, Settings(token=TOKEN)) as port:
        yield schemathesis.openapi.from_url(f"http://127.0.0.1:{port}/openapi.json")


@pytest.mark.parametrize("within", [True, False], ids=["within the schema", "beside it"])
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_any_request_is_answered_as_the_schema_says(
    schema: Any, method: str, path: str, within: bool
) -> None:
    from schemathesis.checks import load_all_checks
    from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

    load_all_checks()
    mode = schemathesis.GenerationMode.POSITIVE if within else schemathesis.GenerationMode.NEGATIVE
    operation = schema[path][method]
    if not within and not (operation.body or operation.query):
        pytest.skip("any text is an id: nothing is beside the schema")

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=12,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Any) -> None:
        response = case.call(headers={"Authorization": f"Bearer {TOKEN}"})
        assert response.status_code < 500 or response.status_code in (503, 507)
        # What fits the schema may still name a language that this engine lacks; what does not may first be too large.
        excluded = [positive_data_acceptance]
        if response.status_code in TOO_LARGE:
            excluded.append(negative_data_rejection)
        case.validate_response(response, excluded_checks=excluded)

    ask()


def test_every_operation_is_asked(schema: Any) -> None:
    found = {(each.ok().method.upper(), each.ok().path) for each in schema.get_all_operations()}
    assert found == set(OPERATIONS)
