"""Settings in every form that is read."""

from typing import Annotated, ClassVar, Optional

import pydantic
import pydantic_settings as ps
from pydantic import AliasChoices, AliasPath, BaseModel, Field
from pydantic_settings import BaseSettings as Base
from pydantic_settings import SettingsConfigDict


class Nested(BaseModel):
    host: str = "localhost"


class Common(Base):
    model_config = SettingsConfigDict(env_prefix="APP_", extra="ignore")

    constant: ClassVar[int] = 3
    plain: str = "text"
    number: int = 8
    required: str
    also_required: str = Field(...)
    in_field: float = Field(1.5, gt=0)
    named: float = Field(default=2.5, description="half")
    made: list[str] = Field(default_factory=list)
    nested: Nested = Nested()
    nothing: Optional[str] = None
    feature_flag_endpoint: str = "etcd:2379"
    _private: int = 1

    def method(self) -> int:
        local: int = 1
        return local


class Service(Common):
    aliased: str = Field("a", validation_alias="SERVICE_ALIASED")
    choices: str = Field("b", validation_alias=AliasChoices("FIRST", "SECOND", AliasPath("THIRD", 0)))
    old: str = Field("c", alias="OLD_STYLE")
    annotated: Annotated[int, Field(gt=0, validation_alias="ANNOTATED")] = 4
    number: int = 9


class Other(ps.BaseSettings):
    model_config = {"env_prefix": "OTHER_"}

    port: pydantic.PositiveInt = 1
