/**
 * The API of the worker that owns the GPU, the model and the trainer, by topic. Types only: the page imports this file and
 * nothing else from here. All of it survives structured cloning; callbacks are comlink proxies. A `signal` stops its own call and no other; a call
 * without one cannot be stopped.
 */
import type { AdaptersApi } from './api/adapters.ts';
import type { ChatApi } from './api/chat.ts';
import type { CuratedApi } from './api/curated.ts';
import type { DataApi } from './api/data.ts';
import type { DocumentsApi } from './api/documents.ts';
import type { DownloadsApi } from './api/downloads.ts';
import type { EditsApi } from './api/edits.ts';
import type { EvaluationApi } from './api/evaluation.ts';
import type { ExportingApi } from './api/exporting.ts';
import type { FeedbackApi } from './api/feedback.ts';
import type { ForecastApi } from './api/forecast.ts';
import type { DeviceApi } from './api/device.ts';
import type { KernelsApi } from './api/kernels.ts';
import type { MemoryApi } from './api/memory.ts';
import type { ModelsApi } from './api/models.ts';
import type { ProjectsApi } from './api/projects.ts';
import type { RetrieversApi } from './api/retrievers.ts';
import type { RewardsApi } from './api/rewards.ts';
import type { QuestionsApi } from './api/questions.ts';
import type { ResultsApi } from './api/results.ts';
import type { RowFilesApi } from './api/row-files.ts';
import type { RowsApi } from './api/rows.ts';
import type { RunsApi } from './api/runs.ts';
import type { SharingApi } from './api/sharing.ts';
import type { StorageApi } from './api/storage.ts';
import type { SweepsApi } from './api/sweeps.ts';
import type { WorkshopApi } from './api/workshop.ts';

export type * from './api/adapters.ts';
export type * from './api/chat.ts';
export type * from './api/curated.ts';
export type * from './api/data.ts';
export type * from './api/documents.ts';
export type * from './api/downloads.ts';
export type * from './api/edits.ts';
export type * from './api/evaluation.ts';
export type * from './api/exporting.ts';
export type * from './api/feedback.ts';
export type * from './api/forecast.ts';
export type * from './api/device.ts';
export type * from './api/kernels.ts';
export type * from './api/memory.ts';
export type * from './api/models.ts';
export type * from './api/outcome.ts';
export type * from './api/projects.ts';
export type * from './api/questions.ts';
export type * from './api/results.ts';
export type * from './api/retrievers.ts';
export type * from './api/rewards.ts';
export type * from './api/row-files.ts';
export type * from './api/rows.ts';
export type * from './api/runs.ts';
export type * from './api/sharing.ts';
export type * from './api/storage.ts';
export type * from './api/sweeps.ts';
export type * from './api/workshop.ts';

export interface GraftWorker
  extends
    AdaptersApi,
    ChatApi,
    CuratedApi,
    DataApi,
    DocumentsApi,
    DownloadsApi,
    EditsApi,
    EvaluationApi,
    ExportingApi,
    FeedbackApi,
    ForecastApi,
    DeviceApi,
    KernelsApi,
    MemoryApi,
    ModelsApi,
    ProjectsApi,
    QuestionsApi,
    ResultsApi,
    RetrieversApi,
    RewardsApi,
    RowFilesApi,
    RowsApi,
    RunsApi,
    SharingApi,
    StorageApi,
    SweepsApi,
    WorkshopApi {
  /** Takes a lock of the browser for as long as the worker lives, and resolves when it has it. The browser releases it however the worker ends. */
  holdLock(name: string): Promise<void>;
}
