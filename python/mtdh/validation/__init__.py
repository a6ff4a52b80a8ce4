"""Validation of candles and times, with the predecessor's names, on the engine's checks.

>>> import asyncio
>>> from mtdh.validation import StreamingServiceValidator
>>> async def main() -> str:
...     validator = StreamingServiceValidator(clock=lambda: 1709251261000000)
...     await validator.start()
...     candle = {"timestamp": 1709251200000000, "open": 10, "high": 12, "low": 9, "close": 11, "volume": 5}
...     result = await validator.validate_candle(candle, "BTC-USDT", "1m")
...     await validator.stop()
...     return result.status.value
>>> asyncio.run(main())
'PASS'
"""

from mtdh.validation.aggregation_validator import AggregationValidationConfig, AggregationValidator
from mtdh.validation.candles import OHLCV
from mtdh.validation.cross_source_validator import CrossSourceValidator
from mtdh.validation.streaming_integration import (
    StreamingIntegrationConfig,
    StreamingServiceIntegration,
    StreamingServiceValidator,
)
from mtdh.validation.streaming_validator import StreamingValidationConfig, StreamingValidator
from mtdh.validation.timestamp_validator import TimestampValidationConfig, TimestampValidator
from mtdh.validation.validation_results import ValidationReport, ValidationResult, ValidationStatus

__all__ = [
    "OHLCV",
    "AggregationValidationConfig",
    "AggregationValidator",
    "CrossSourceValidator",
    "StreamingIntegrationConfig",
    "StreamingServiceIntegration",
    "StreamingServiceValidator",
    "StreamingValidationConfig",
    "StreamingValidator",
    "TimestampValidationConfig",
    "TimestampValidator",
    "ValidationReport",
    "ValidationResult",
    "ValidationStatus",
]
